"""Download the files of a dataset: resumed where they stopped, checked before they are used."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import cast

from fishy_ros.datasets.info import Download
from fishy_ros.errors import DatasetError
from fishy_ros.files import file_digest

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and the bytes of the whole file, None where the server does not say."""

_BLOCK = 1 << 18
_TIMEOUT_S = 30.0


def download(item: Download, folder: Path, progress: Progress) -> Path:
    """Download a file to `folder`, or continue a download that was interrupted; a file that is there is only checked.

    Until the checksum is verified the file is called `TARGET.part`.

    Raises:
        DatasetError: the server cannot be reached or fails, the transfer breaks off (what has arrived stays
            and the next call continues), the disk is full, or the checksum is wrong (the file is removed).
    """
    target = folder / item.target
    if target.exists():
        _verify(item, target)
        return target
    if not item.url.startswith(("http://", "https://")):
        raise DatasetError(f"{item.url}: expected an http or https address")
    part = folder / f"{item.target}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _transfer(item, part, progress)
    except urllib.error.HTTPError as error:
        raise DatasetError(f"{item.url}: the server answered {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        here = part.stat().st_size if part.exists() else 0
        reason = getattr(error, "reason", None) or error
        raise DatasetError(f"{item.url}: {reason}; {here} bytes were kept; run the command again to resume") from error
    _verify(item, part)
    part.rename(target)
    _validator_file(part).unlink(missing_ok=True)
    return target


def _transfer(item: Download, part: Path, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    if item.size is not None and have == item.size:
        return
    try:
        response = _request(item.url, part, have)
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise
        part.unlink()
        have = 0
        response = _request(item.url, part, 0)
    with response:
        continued = response.status == HTTPStatus.PARTIAL_CONTENT
        have = have if continued else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length is not None else item.size
        _validator_file(part).write_text(response.headers.get("ETag") or response.headers.get("Last-Modified") or "")
        with part.open("ab" if continued else "wb") as sink:
            progress(have, total)
            while block := response.read(_BLOCK):
                sink.write(block)
                have += len(block)
                progress(have, total)
    if total is not None and have != total:
        raise OSError(f"the connection was lost after {have} of {total} bytes")


def _request(url: str, part: Path, have: int) -> HTTPResponse:
    request = urllib.request.Request(url, headers={"User-Agent": "fishy_ros"})
    validator = _validator_file(part).read_text() if have and _validator_file(part).exists() else ""
    if have:
        request.add_header("Range", f"bytes={have}-")
        if validator and not validator.startswith("W/"):
            request.add_header("If-Range", validator)
    return cast(HTTPResponse, urllib.request.urlopen(request, timeout=_TIMEOUT_S))


def _validator_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _verify(item: Download, path: Path) -> None:
    for kind, expected in (("sha256", item.sha256), ("md5", item.md5)):
        if expected is None:
            continue
        found = file_digest(path, kind)
        if found != expected:
            path.unlink()
            raise DatasetError(
                f"{item.url}: {kind} is {found}, expected {expected}; {path} is damaged or another version, "
                "and was removed"
            )
