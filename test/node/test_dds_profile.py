"""The shipped middleware settings: found, well-formed, and never in the way of the user's own."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

from fishy_ros.node import dds
from fishy_ros.node.dds import SEGMENT_BYTES, config_folder, dds_environment

FAST_DDS = "{http://www.eprosima.com}"


def test_every_variable_names_a_file_that_exists():
    environment = dds_environment({})
    assert environment["FASTRTPS_DEFAULT_PROFILES_FILE"] == environment["FASTDDS_DEFAULT_PROFILES_FILE"]
    assert Path(environment["FASTDDS_DEFAULT_PROFILES_FILE"]).is_file()
    assert Path(environment["CYCLONEDDS_URI"].removeprefix("file://")).is_file()
    assert environment["ZENOH_CONFIG_OVERRIDE"] == "transport/shared_memory/enabled=true"


def test_what_the_user_has_set_stays():
    own = {
        "FASTRTPS_DEFAULT_PROFILES_FILE": "/mine.xml",
        "CYCLONEDDS_URI": "file:///mine.xml",
        "ZENOH_SESSION_CONFIG_URI": "/mine.json5",
    }
    assert dds_environment(own) == {}
    assert "FASTRTPS_DEFAULT_PROFILES_FILE" not in dds_environment({"FASTDDS_DEFAULT_PROFILES_FILE": "/mine.xml"})


def test_a_container_with_little_shared_memory_keeps_the_defaults(monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(dds.shutil, "disk_usage", lambda path: usage._replace(free=64 * 1024 * 1024))
    environment = dds_environment({})
    assert "FASTDDS_DEFAULT_PROFILES_FILE" not in environment
    assert "CYCLONEDDS_URI" in environment


def test_the_fast_dds_profile_holds_a_full_size_image_in_one_message():
    root = ElementTree.parse(config_folder() / "fastdds_large_images.xml").getroot()
    (descriptor,) = [
        item for item in root.iter(f"{FAST_DDS}transport_descriptor") if item.findtext(f"{FAST_DDS}type") == "SHM"
    ]
    segment = int(descriptor.findtext(f"{FAST_DDS}segment_size"))
    message = int(descriptor.findtext(f"{FAST_DDS}maxMessageSize"))
    assert segment == SEGMENT_BYTES
    assert 3 * 3840 * 2160 < message <= segment
    assert {item.findtext(f"{FAST_DDS}type") for item in root.iter(f"{FAST_DDS}transport_descriptor")} == {
        "SHM",
        "UDPv4",
    }


def test_the_cyclone_dds_profile_is_well_formed():
    root = ElementTree.parse(config_folder() / "cyclonedds_large_images.xml").getroot()
    assert root.tag == "{https://cdds.io/config}CycloneDDS"
