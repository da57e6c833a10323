"""Images, compose file and locks: one set of versions, no root, no secret, and every file that they name."""

import re
import shutil
import subprocess
import sys

import pytest

from tests.deploy.manifests import DEPLOY, ROOT, documents, everything, find

PUBLIC = {"postgres:17-bookworm", "nginxinc/nginx-unprivileged:1.28-bookworm"}
"""Images of others that may be named."""
BUILT = {"fernn-search": DEPLOY / "Dockerfile", "fernn-mlflow": DEPLOY / "mlflow/Dockerfile"}
COMPOSE = DEPLOY / "compose.yaml"


def compose():
    return documents(COMPOSE.read_text())[0]


def lock(path):
    """Versions by name."""
    pins = [line.split(";")[0].strip().split("==") for line in path.read_text().splitlines()]
    return {name: pin for name, pin in pins}


def project():
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def tags():
    """The tags that images of ours must have."""
    pins = lock(DEPLOY / "mlflow/requirements.lock")
    return {f"fernn-search:{project()['version']}", f"fernn-mlflow:{pins['mlflow']}"}


def test_mlflows_lock_agrees_with_the_projects():
    main, server = lock(ROOT / "requirements.lock"), lock(DEPLOY / "mlflow/requirements.lock")
    assert {"mlflow", "psycopg-binary", "psycopg", "boto3"} <= server.keys()
    assert {name: pin for name, pin in server.items() if main.get(name) != pin} == {}


@pytest.mark.parametrize("path", [ROOT / "requirements.lock", DEPLOY / "mlflow/requirements.lock"], ids=str)
def test_a_lock_names_no_address(path):
    assert all(re.fullmatch(r"[a-z0-9.-]+==[^ /]+( ;.*)?", line) for line in path.read_text().splitlines())


def test_every_image_is_built_here_or_known():
    ours = tags()
    used = {image for document in [*everything(), compose()] for image in find(document, "image")}
    assert {image for image in used if image.split(":")[0] not in BUILT} == PUBLIC
    assert {image for image in used if image.split(":")[0] in BUILT} == ours
    assert all(path.exists() for path in BUILT.values())


def instructions(path):
    """The Dockerfile's instructions with what follows each."""
    joined = path.read_text().replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


@pytest.mark.parametrize("path", BUILT.values(), ids=BUILT)
def test_an_image_ends_as_a_numbered_user_that_is_not_root(path):
    users = [rest for name, rest in instructions(path) if name == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])  # runAsNonRoot believes in numbers alone


@pytest.mark.parametrize(
    ("path", "context"), [(BUILT["fernn-search"], ROOT), (BUILT["fernn-mlflow"], DEPLOY / "mlflow")]
)
def test_what_an_image_copies_exists_and_is_sent_to_the_builder(path, context):
    ignore = path.with_name("Dockerfile.dockerignore")
    sent = (ignore if ignore.exists() else context / ".dockerignore").read_text().splitlines()
    assert "*" in sent
    for name, rest in instructions(path):
        if name == "COPY" and "--from" not in rest:
            for source in [part for part in rest.split() if not part.startswith("--")][:-1]:
                assert (context / source).exists() and f"!{source}" in sent, source


@pytest.mark.parametrize("path", BUILT.values(), ids=BUILT)
def test_the_lock_is_installed_before_code_is_copied(path):
    steps = [rest for _, rest in instructions(path)]
    (installed,) = [at for at, rest in enumerate(steps) if "-r /tmp/requirements.lock" in rest]
    assert "--no-deps" in steps[installed] and steps[installed - 1] == "requirements.lock /tmp/requirements.lock"


def test_the_image_has_what_kuberay_calls_and_the_folders_of_the_project():
    text = BUILT["fernn-search"].read_text()
    assert {"bash", "wget", "tini"} <= set(text.split())
    assert "WORKDIR /app" in text and "RAY_AUTH_MODE=token" in text
    for package in ("fernn", "data", "tune"):
        assert f"COPY {package} {package}\n" in text


def test_compose_is_valid():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_compose_publishes_one_port_on_the_loopback_address():
    ports = {name: service["ports"] for name, service in compose()["services"].items() if "ports" in service}
    assert ports == {"proxy": ["${MLFLOW_BIND:-127.0.0.1}:${MLFLOW_PORT:-5000}:8080"]}
    assert compose()["networks"]["inside"] == {"internal": True}
    assert compose()["services"]["postgres"]["networks"] == ["inside"]


def test_compose_waits_for_health_and_takes_secrets_from_files():
    given = compose()
    for name, service in given["services"].items():
        assert service["healthcheck"]["test"] and set(service["secrets"]) <= given["secrets"].keys(), name
        assert all(wait["condition"] == "service_healthy" for wait in service.get("depends_on", {}).values())
        for secret in service["secrets"]:
            assert f"/run/secrets/{secret}" in service["environment"].values()
    assert all(secret["file"].startswith("${SECRETS:-./secrets}/") for secret in given["secrets"].values())


def test_compose_mounts_files_that_exist_and_the_login_of_kubernetes():
    (mount,) = compose()["services"]["proxy"]["volumes"]
    source, target, mode = mount.split(":")
    assert (DEPLOY / source).is_file() and mode == "ro" and target.endswith("/default.conf.template")
    (kustomization,) = documents((DEPLOY / "mlflow/kustomization.yaml").read_text())
    assert kustomization["configMapGenerator"][0]["files"] == [f"default.conf.template={(DEPLOY / source).name}"]


def variables(text):
    return set(re.findall(r"\$\{(\w+)\}", text))


def test_nginx_gets_every_variable_of_its_template():
    wanted = variables((DEPLOY / "mlflow/nginx.conf.template").read_text())
    assert wanted == {"LISTEN_PORT", "MLFLOW_UPSTREAM", "HTPASSWD_FILE"}
    assert wanted <= compose()["services"]["proxy"]["environment"].keys()
    (proxy,) = [container for document in everything() for group in find(document, "containers") for container in group
                if container["name"] == "nginx"]  # fmt: skip
    assert wanted == {variable["name"] for variable in proxy["env"]}


def test_nginx_asks_for_a_login_everywhere_but_for_health():
    text = (DEPLOY / "mlflow/nginx.conf.template").read_text()
    before, health = text.split("location = /health")
    assert "auth_basic_user_file ${HTPASSWD_FILE};" in before.split("location / ")[0]
    assert "auth_basic off" not in before and health.count("auth_basic off") == 1


def test_mlflows_entry_point_reads_the_password_and_becomes_the_command(tmp_path):
    (tmp_path / "password").write_text("of-the-test\n")
    entry = DEPLOY / "mlflow/entrypoint.sh"
    for environment, expected in (({"PGPASSWORD_FILE": str(tmp_path / "password")}, "of-the-test"), ({}, "none")):
        command = [str(entry), "sh", "-c", 'echo "${PGPASSWORD:-none}"']
        done = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True)
        assert done.stdout.strip() == expected
    missing = {"PATH": "/usr/bin:/bin", "PGPASSWORD_FILE": str(tmp_path / "missing")}
    assert subprocess.run([str(entry), "true"], env=missing, capture_output=True).returncode != 0


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx: Debian's package of that name")
def test_nginx_accepts_its_template(tmp_path):
    text = (DEPLOY / "mlflow/nginx.conf.template").read_text()
    values = {
        "LISTEN_PORT": "127.0.0.1:1",
        "MLFLOW_UPSTREAM": "127.0.0.1:2",
        "HTPASSWD_FILE": str(tmp_path / "htpasswd"),
    }
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    folders = "".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {folders} {text} }}"
    (tmp_path / "nginx.conf").write_text(whole)
    command = ["nginx", "-t", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path), "-e", "stderr"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
