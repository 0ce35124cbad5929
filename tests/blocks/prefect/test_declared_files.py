"""Files of blocks and automations in any shape: read, or refused by a message that names what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import PlatformError
from blocks.prefect.automations import read_automations
from blocks.prefect.block_documents import read_declared

SHAPES = [
    b"",
    b"\xff\xfe\x00",
    b"\x00",
    b"{",
    b"[]",
    b"1",
    b"a: 1",
    b"a: {}",
    b"a/b: {}",
    b"1: {}",
    b"null: {}",
    b"? [a]\n: {}",
    b"a: b: c",
    b"a: " + b"[" * 5_000,
    b"a: !!python/object:os.system {}",
    b"/x: {folder: /tmp}",
    b"folder-site/: {folder: /tmp}",
    b"folder-site/x: {1: 2}",
    b"folder-site/x: {nope: 1}",
    b"folder-site/x: {folder: [1]}",
    b'folder-site/x: {folder: "${NO_SUCH_VARIABLE}"}',
    b"automations: 1",
    b"automations: [1]",
    b"automations: {a: b}",
]


@pytest.mark.parametrize("read", [read_declared, read_automations])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_refused_with_a_reason(read: Callable[[Path], Any], shape: bytes, tmp_path: Path) -> None:
    path = tmp_path / "declared.yaml"
    path.write_bytes(shape)
    with pytest.raises(PlatformError) as caught:
        read(path)
    assert caught.value.answer
    assert caught.value.__context__ is None  # which would hold the file
    with pytest.raises(PlatformError, match="declared"):
        read(tmp_path / "declared-nowhere.yaml")
    with pytest.raises(PlatformError):
        read(tmp_path)


def test_a_variables_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path, secret = tmp_path / "declared.yaml", tmp_path / "secret"
    path.write_text('folder-site/x: {folder: "${PLACE}"}')
    secret.write_bytes(b"\xff")
    with pytest.raises(PlatformError, match="PLACE_FILE") as caught:
        read_declared(path, {"PLACE_FILE": str(secret)})
    assert caught.value.__context__ is None
