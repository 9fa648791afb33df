"""The layouts for viewers that are not installed here: what they name exists, and they are read as the viewers read."""

import ast
import json
import re

from support.sources import ROOT

PERSPECTIVE = ROOT / "rqt" / "detector.perspective"


def published_topics() -> set[str]:
    """Every topic below `~` that the node creates a publisher for."""
    sources = "\n".join(path.read_text() for path in (ROOT / "fishy_ros" / "node").glob("*publishers.py"))
    return {f"/detector/{name}" for name in re.findall(r'"~/([a-z_/]+)"', sources)}


def test_the_rqt_perspective_opens_plugins_on_topics_of_the_node():
    document = json.loads(PERSPECTIVE.read_text())
    manager = document["groups"]["pluginmanager"]
    running = ast.literal_eval(manager["keys"]["running-plugins"]["repr"])
    assert set(running) == {"rqt_image_view/ImageView", "rqt_plot/Plot", "rqt_runtime_monitor/RuntimeMonitor"}
    instances = {
        f"plugin__{name.replace('/', '__')}__{number}" for name, all_of in running.items() for number in all_of
    }
    assert set(manager["groups"]) <= instances
    topics = set()
    for instance, group in manager["groups"].items():
        stored = group["groups"]["plugin"]["keys"]
        assert all(value["type"] == "repr" for value in stored.values())
        values = {name: ast.literal_eval(value["repr"]) for name, value in stored.items()}
        if "ImageView" in instance:
            topics.add(values["topic"])
        else:
            (plotted,) = values["topics"]
            topics.add(plotted.removesuffix("/data"))
    assert topics == {"/detector/overlay", "/detector/mask", "/detector/latency_ms"}
    assert topics <= published_topics()


def test_the_foxglove_layout_shows_topics_of_the_node():
    layout = (ROOT / "foxglove" / "detector.json").read_text()
    named = {topic.partition(".")[0] for topic in re.findall(r'"(/[a-z_/]+(?:\.data)?)"', layout)}
    assert named - {"/diagnostics"} <= published_topics()
