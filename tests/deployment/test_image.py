"""The image: what its Dockerfile may not do, its health check and logs, and, where an engine runs, a main job in it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.deployment.receiver import Receiver

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LAST_STAGE = DOCKERFILE.rpartition("\nFROM ")[2]
HARDENED = [
    "--read-only",
    "--tmpfs",
    "/tmp:rw,exec,mode=1777",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
]
IMAGE = "ticket-to-dashboard:test"


def test_the_last_stage_installs_nothing_and_is_not_root() -> None:
    assert not re.search(r"pip install|apt-get|curl|wget|uv ", LAST_STAGE)
    assert "pip uninstall" in LAST_STAGE
    assert re.findall(r"^USER (.*)$", LAST_STAGE, re.MULTILINE) == ["10001:10001"]
    assert "HEALTHCHECK" in LAST_STAGE
    assert "org.opencontainers.image.revision" in LAST_STAGE
    assert not re.search(r"ADD |(TOKEN|PASSWORD|SECRET|API_KEY)\s*=", DOCKERFILE)
    assert "--require-hashes" in DOCKERFILE


def test_what_is_copied_is_what_the_ignore_file_lets_in() -> None:
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == allowed


def test_the_dockerfile_is_clean_to_hadolint() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def health(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "deploy" / "health.py"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_health_is_an_api_that_answers_and_a_state_that_can_be_written(tmp_path: Path) -> None:
    with Receiver() as api:
        well = health(STATE=str(tmp_path), PREFECT_API_URL=f"{api.url}/api")
        assert (well.returncode, well.stderr) == (0, "")
    ill = health(STATE=str(tmp_path), PREFECT_API_URL=f"{api.url}/api")
    assert ill.returncode == 1
    assert len(ill.stderr.splitlines()) == 1
    assert health(STATE=str(tmp_path / "gone")).returncode == 1


def test_every_log_line_of_a_container_says_run_and_tickets() -> None:
    script = (
        "import logging, prefect, prefect.main\n"
        "from prefect.logging.configuration import setup_logging\n"
        "from blocks.query_tags import tag_queries\n"
        "setup_logging()\n"
        "log = logging.getLogger('prefect.flow_runs.ours')\n"
        "log.handlers, logging.getLogger('prefect.flow_runs').handlers = [], []\n"
        "log.info('before')\n"
        "tag_queries('deliver', 'r1', ['AN-1'])\n"
        "log.info('%s loaded', 7)\n"
    )
    environment = {
        **os.environ,
        "PREFECT_LOGGING_SETTINGS_PATH": str(ROOT / "deploy" / "logging.yaml"),
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", None)  # other tests want it quiet
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    before, after = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert "delivery_run" not in before
    assert (after["message"], after["delivery_run"], after["tickets"]) == ("7 loaded", "r1", ["AN-1"])


def test_the_stack_keeps_its_secrets_in_files_and_its_runners_closed() -> None:
    stack = yaml.safe_load((ROOT / "compose.yaml").read_text())
    for name in ("worker", "setup", "demo", "server", "receive"):
        service = stack["services"][name]
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"]
    assert all(each["file"].startswith("deploy/secrets/") for each in stack["secrets"].values())
    assert "PREFECT_SERVER_API_AUTH_STRING" in stack["services"]["server"]["command"][0]
    for folder, pattern in ((".gitignore", "deploy/secrets/"), (".dockerignore", "deploy/secrets")):
        assert pattern in (ROOT / folder).read_text().splitlines()


def test_redis_asks_for_a_password_that_every_server_has() -> None:
    text = (ROOT / "deploy" / "compose.replicas.yaml").read_text().replace("!override ", "")
    stack = yaml.safe_load(text)
    assert "requirepass $$(cat /run/secrets/redis)" in stack["services"]["redis"]["command"][0]
    for name in ("redis", "server", "server-two"):
        assert "redis" in stack["services"][name]["secrets"], name
    (start,) = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["server"]["command"]
    assert "PREFECT_REDIS_MESSAGING_PASSWORD" in start
    assert "redis://:$$PREFECT_REDIS_MESSAGING_PASSWORD@redis:6379/1" in start


def test_the_kubernetes_job_has_only_known_variables_and_is_closed() -> None:
    template = json.loads((ROOT / "deploy" / "kubernetes-job-template.json").read_text())
    used = set(re.findall(r"{{ (\w+) }}", json.dumps(template["job_configuration"])))
    assert used <= set(template["variables"]["properties"])
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert not pod["automountServiceAccountToken"]


@pytest.fixture(scope="module")
def image() -> tuple[list[str], list[str]]:
    """The engine's command and the flags of a run, once it has built the image. Skips where no engine runs.

    CONTAINER_ENGINE, CONTAINER_BUILD and CONTAINER_RUN name another engine and flags it needs.
    """
    named = shlex.split(os.environ.get("CONTAINER_ENGINE", ""))
    for engine in [named] if named else [["docker"], ["podman"]]:
        if (
            shutil.which(engine[0])
            and subprocess.run([*engine, "info"], capture_output=True, check=False).returncode == 0
        ):
            break
    else:
        pytest.skip("neither docker nor podman runs here")
    flags = shlex.split(os.environ.get("CONTAINER_RUN", ""))
    base = re.search(r"^ARG PYTHON=(.*)$", DOCKERFILE, re.MULTILINE)[1]  # type: ignore[index]
    tried = subprocess.run(
        [*engine, "run", "--rm", *flags, f"docker.io/library/python:{base}", "true"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"{engine[0]} can't run a container here: {tried.stderr.strip().splitlines()[-1:]}")
    built = subprocess.run(
        [*engine, "build", *shlex.split(os.environ.get("CONTAINER_BUILD", "")), "-t", IMAGE, "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return engine, flags


def test_the_main_job_runs_in_the_image_with_nothing_writable_but_its_state(
    image: tuple[list[str], list[str]],
) -> None:
    engine, flags = image
    volume = "ticket-to-dashboard-test"
    subprocess.run([*engine, "volume", "rm", "-f", volume], capture_output=True, check=False)
    run = [*engine, "run", "--rm", *flags, *HARDENED, "-v", f"{volume}:/state", IMAGE]
    job = ["python", "flows/main.py", "--state", "/state", "--scale", "0.3"]
    done = subprocess.run([*run, *job], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 dashboards, 0 failed" in done.stdout
    looked = (
        "import os, sys, importlib.util as u; print(os.getuid(), u.find_spec('pip'), u.find_spec('pytest'),"
        "os.access('/app', os.W_OK), os.path.exists('/app/tests'))"
    )
    message = subprocess.run(
        [*run, "python", "-c", looked], capture_output=True, text=True, timeout=120, check=True
    )
    assert message.stdout.split() == ["10001", "None", "None", "False", "False"]
    health = subprocess.run(
        [*run, "python", "deploy/health.py"], capture_output=True, timeout=120, check=False
    )
    assert health.returncode == 0
    subprocess.run([*engine, "volume", "rm", "-f", volume], capture_output=True, check=False)
