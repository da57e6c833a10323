"""What README, manifests and ray-up.yaml name is there; no secret stands in deploy/."""

import re
import shlex
import warnings

import pytest
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import cli as ray_cli

from tests.deploy.manifests import DEPLOY, KUSTOMIZATIONS, ROOT, documents, everything, find

README = (DEPLOY / "README.md").read_text()
SECRET = re.compile(
    r"(?i)(password|passwd|token|secret[-_]?(access[-_]?)?key|secret)[\"']?\s*[:=]\s*[\"']?(?!\$|/|\.\.\.|$)([\w+/=-]{8,})"
)
"""A name of a secret with a value that is no variable and no path."""


@pytest.fixture(scope="module")
def clis():
    """The commands of Ray and MLflow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own type hints, when its command line is imported
        from mlflow.cli import cli
    return {"ray": ray_cli, "mlflow": cli}


def lines():
    """The command lines of the README's blocks, without comments and prompts."""
    blocks = "\n".join(README.split("```")[1::2]).replace("\\\n", " ")
    found = [shlex.split(line, comments=True) for line in blocks.splitlines() if line and not line.startswith("[")]
    return [words for words in found if words and words[1:2] != "="]


def server_arguments():
    """What compose and Kubernetes start MLflow with."""
    (compose,) = documents((DEPLOY / "compose.yaml").read_text())
    yield compose["services"]["mlflow"]["command"]
    yield from (words for document in everything() for words in find(document, "args") if "mlflow" in words)


def test_mlflow_is_started_with_options_that_it_has(clis):
    found = list(server_arguments())
    assert len(found) == 2
    for first, second, *options in found:
        known = {option for parameter in clis["mlflow"].commands[second].params for option in parameter.opts}
        assert first == "mlflow" and {option.split("=")[0] for option in options} <= known
        assert not any("://" in option and re.search(r"://\w+:\w", option) for option in options)


def test_folders_of_kustomize_and_files_in_the_readme_exist():
    applied = set(re.findall(r"--kustomize ([\w/]+)", README))
    assert {name.removeprefix("deploy/") for name in applied} <= set(KUSTOMIZATIONS)
    assert {name for name in KUSTOMIZATIONS if name not in ("mlflow", "kubernetes/claim", "kubernetes/claim/data")} <= {
        name.removeprefix("deploy/") for name in applied
    }
    for link in re.findall(r"\]\((?!#)([^)]+)\)", README):
        assert (DEPLOY / link).exists(), link
    for path in re.findall(r"\bdeploy/[\w./-]+\w", README):
        assert (ROOT / path).exists() or path == "deploy/secrets", path


def test_links_within_the_readme_lead_somewhere():
    headings = [
        re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", README, re.M)
    ]
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= set(headings)


def created():
    """Names and keys of the secrets that the README makes."""
    found = {}
    for words in lines():
        if words[:4] == ["kubectl", "create", "secret", "generic"]:
            keys = [re.match(r"--from-(literal|file)=([^=]+)=", word) for word in words[5:]]
            found[words[4]] = {key.group(2) for key in keys if key}
    return found


def test_secrets_that_manifests_name_are_made_in_the_readme():
    secrets, used = created(), set()
    for document in everything():
        for reference in find(document, "secretKeyRef"):
            assert reference["key"] in secrets[reference["name"]]
            used.add(reference["name"])
        for volume in find(document, "secret"):
            assert {item["key"] for item in volume["items"]} <= secrets[volume["secretName"]]
            used.add(volume["secretName"])
        used |= {reference["name"] for reference in find(document, "secretRef")}
        for options in find(document, "authOptions"):
            assert secrets[options["secretName"]] == {"auth_token"}
            used.add(options["secretName"])
    assert used == secrets.keys()
    assert secrets["mlflow-client"] == {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"}


def test_secret_files_that_compose_names_are_made_in_the_readme():
    (compose,) = documents((DEPLOY / "compose.yaml").read_text())
    made = set(re.findall(r"> (\w+)\)?$", README, re.M))
    assert {secret["file"].rpartition("/")[2] for secret in compose["secrets"].values()} <= made


def test_no_secret_stands_in_deploy():
    names = set(re.findall(r"> (\w+)\)?$", README, re.M))  # of files that hold secrets
    for path in [path for path in DEPLOY.rglob("*") if path.is_file() and path.parent.name != "secrets"]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = SECRET.search(line)
            assert not found or found.group(3) in names, f"{path.name}:{number}: {line}"


@pytest.mark.parametrize(
    "line", ["password: hunter2hunter2", "auth_token=0123456789abcdef", 'value: x, "secret": "abcdefgh1"']
)
def test_a_secret_would_be_found(line):
    assert SECRET.search(line)


def test_no_command_goes_without_the_token():
    assert "RAY_AUTH_MODE=disabled" not in "".join(path.read_text() for path in DEPLOY.rglob("*.*") if path.is_file())
    sections = README.split("\n## ")
    for section in [section for section in sections if "ray job submit --address" in section.split("```", 1)[-1]]:
        assert "RAY_AUTH_MODE=token" in section
    assert "0.0.0.0" not in README


def ray_up():
    return documents((DEPLOY / "ray-up.yaml").read_text())[0]


def test_ray_up_is_valid():
    prepared = prepare_config(ray_up())
    validate_config(prepared)
    (kind,) = prepared["available_node_types"].values()
    assert kind["max_workers"] == len(ray_up()["provider"]["worker_ips"])


def test_ray_up_starts_ray_with_options_that_it_has_and_the_token():
    known = {option for parameter in ray_cli.commands["start"].params for option in parameter.opts}
    for role in ("head", "worker"):
        (start,) = [command for command in ray_up()[f"{role}_start_ray_commands"] if " start " in command]
        assert "RAY_AUTH_MODE=token ray start" in start
        assert set(re.findall(r"--[\w-]+", start.split("ray start")[1])) <= known
    assert "--dashboard-host=127.0.0.1" in ray_up()["head_start_ray_commands"][1]
    assert "chmod 600 ~/.ray/auth_token" in ray_up()["setup_commands"][0]


def test_ray_up_sets_up_by_a_target_of_the_makefile():
    assert "cd ~/fernn-search && make setup" in ray_up()["setup_commands"]
    assert "\nsetup:" in (ROOT / "Makefile").read_text()
