"""What comes from others: digests of images, the audit of the lock, the software bill of materials."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import audit_lock, pin_images
from tests.conftest import ROOT

DIGEST = "sha256:" + "ab" * 32


def test_the_images_of_others_are_named_by_digest_all_but_prefects() -> None:
    found = [
        each for name in pin_images.FILES for each in pin_images.REFERENCE.finditer((ROOT / name).read_text())
    ]
    tags = [each["tag"] for each in found if "@sha256:" not in each[0] and pin_images.OURS not in each[0]]
    assert len(found) > len(tags)
    assert [tag.partition(":")[0] for tag in tags] in ([], ["prefecthq/prefect"])


def copy_files(root: Path) -> dict[str, str]:
    (root / "deploy").mkdir()
    texts = {name: (ROOT / name).read_text() for name in pin_images.FILES}
    for name, text in texts.items():
        (root / name).write_text(text)
    return texts


def put_docker(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    folder.mkdir()
    (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_every_image_of_others_gets_the_digest_of_its_tag_and_is_refreshed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_files(tmp_path)
    for run, digest in enumerate((DIGEST, DIGEST.replace("ab", "cd"))):
        put_docker(monkeypatch, tmp_path / f"bin{run}", f"echo $4 >> {tmp_path}/asked{run}; echo {digest}")
        assert pin_images.main(tmp_path) == 0
        written = "".join((tmp_path / name).read_text() for name in pin_images.FILES)
        assert re.findall(r"@(sha256:\w+)$", written, re.MULTILINE) == [digest] * 4
        assert f"ARG PYTHON=3.11-slim-bookworm@{digest}\n" in written
        assert "image: ticket-to-dashboard:latest\n" in written
        asked = (tmp_path / f"asked{run}").read_text().split()
        assert [each.partition(":")[0] for each in sorted(asked)] == [
            "postgres",
            "prefecthq/prefect",
            "python",
            "redis",
        ]


@pytest.mark.parametrize("script", ["echo no route to the registry >&2; exit 1", "echo latest", "true"])
def test_without_a_registry_no_digest_is_invented(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = copy_files(tmp_path)
    put_docker(monkeypatch, tmp_path / "bin", script)
    assert pin_images.main(tmp_path) == 1
    assert "No digest was written" in capsys.readouterr().err
    assert {name: (tmp_path / name).read_text() for name in texts} == texts


@pytest.mark.parametrize(
    ("packages", "code", "line"),
    [
        ([{"name": "a", "skip_reason": "not found"}], 0, "Audit skipped: no advisories could be read"),
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 of 1 packages checked."),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}],
            1,
            "a 1: PYSEC-1, fixed in 2",
        ),
        (
            [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}],
            1,
            "Not checked: b",
        ),
    ],
)
def test_nothing_checked_is_never_told_as_nothing_found(
    packages: list[dict[str, Any]], code: int, line: str
) -> None:
    judged, lines = audit_lock.judge({"dependencies": packages})
    assert judged == code
    assert line in "\n".join(lines)


@pytest.mark.parametrize(
    ("script", "code", "line"),
    [
        (
            "echo 'ConnectionError: no route' >&2; exit 1",
            0,
            "Audit skipped: no advisories could be read: Conn",
        ),
        ("echo 'ERROR: the lock is no requirements file' >&2; exit 1", 1, "ERROR: the lock is no"),
        (f"echo '{json.dumps({'dependencies': [{'name': 'a', 'version': '1', 'vulns': []}]})}'", 0, "1 of 1"),
    ],
)
def test_an_audit_that_cannot_ask_is_skipped_and_one_that_breaks_fails(
    script: str, code: int, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert audit_lock.main(str(program), "requirements.lock") == code
    assert capsys.readouterr().out.startswith(line)


def test_ci_resolves_the_images_lists_the_packages_and_audits_them() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    commands = "\n".join(step.get("run", "") for step in jobs["supply"]["steps"])
    for target in ("images", "sbom", "audit"):
        assert f"make {target}" in commands
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lint = (ROOT / "requirements-lint.lock").read_text()
    assert all(f"\n{name}==" in lint for name in ("cyclonedx-bom", "pip-audit"))


def test_the_image_trusts_its_refreshed_base_as_one_package_holds_certifi() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        assert f"{variable}=/etc/ssl/certs/ca-certificates.crt" in dockerfile


def test_every_exception_to_a_security_rule_says_why() -> None:
    for room in ("blocks", "demo", "deploy", "flows", "tasks"):
        for path in (ROOT / room).rglob("*.py"):
            lines = path.read_text(encoding="utf-8").splitlines()
            for before, line in zip(["", *lines], lines, strict=False):
                if re.search(r"# noqa:[^#]*\bS\d{3}", line):
                    assert re.search(r"# noqa:[^#]*#", line) or before.lstrip().startswith("# "), (path, line)
