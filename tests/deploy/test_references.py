"""What Kubernetes' manifests name, they have: pods, ConfigMaps, claims, ports, hosts, images."""

import os
import subprocess

from tests.deploy.manifests import DEPLOY, containers, documents, everything, find, pod_templates, rendered


def labels_of_pods():
    return [template["metadata"]["labels"] for document in everything() for template in pod_templates(document)]


def selected(labels, pods):
    """Whether a pod has the labels; those of KubeRay's come from its operator."""
    wanted = {key: value for key, value in labels.items() if not key.startswith("ray.io/")}
    return any(wanted.items() <= pod.items() for pod in pods)


def test_what_selects_pods_finds_some():
    pods = labels_of_pods()
    for document in everything():
        here = [
            find(document, "podSelector"),
            [document["spec"]["selector"]] if document["kind"] == "PodMonitor" else [],
        ]
        for selector in [selector for group in here for selector in group]:
            labels = selector.get("matchLabels", {})
            if "k8s-app" not in labels:  # Kubernetes' own name server
                assert selected(labels, pods), (document["metadata"]["name"], labels)
            for expression in selector.get("matchExpressions", []):
                for value in expression["values"]:
                    assert selected({expression["key"]: value}, pods), value
        if document["kind"] == "Service":
            assert selected(document["spec"]["selector"], pods), document["metadata"]["name"]


def names(kind):
    return {document["metadata"]["name"] for document in everything() if document["kind"] == kind}


def test_config_maps_and_claims_that_pods_name_exist():
    maps, claims = names("ConfigMap"), names("PersistentVolumeClaim")
    for document in everything():
        for key in ("configMapRef", "configMapKeyRef", "configMap"):
            assert {reference["name"] for reference in find(document, key)} <= maps
        assert {reference["claimName"] for reference in find(document, "persistentVolumeClaim")} <= claims


def test_ports_that_services_probes_policies_and_monitors_name_exist():
    ports = {
        port["name"]: port["containerPort"]
        for document in everything()
        for container in containers(document)
        for port in container.get("ports", [])
    }
    named = set()
    for document in everything():
        if document["kind"] in ("Service", "NetworkPolicy", "PodMonitor"):
            named |= {port for key in ("targetPort", "port") for port in find(document, key) if isinstance(port, str)}
        for container in containers(document):
            own = {port["name"] for port in container.get("ports", [])}
            for probe in [container[key] for key in container if key.endswith("Probe")]:
                for action in ("httpGet", "tcpSocket"):
                    assert action not in probe or probe[action]["port"] in own
    assert named and named <= ports.keys()


def test_hosts_that_are_named_are_services():
    services = names("Service")
    text = (DEPLOY / "kubernetes/services/mlflow.yaml").read_text() + (
        DEPLOY / "kubernetes/bucket/ray-job.yaml"
    ).read_text()
    for host in ("postgres", "mlflow"):
        assert f"{host}:5" in text and host in services
    (upstream,) = {
        value["value"]
        for document in everything()
        for container in containers(document)
        for value in container.get("env", [])
        if value["name"] == "MLFLOW_UPSTREAM"
    }
    assert upstream.split(":")[0] in services


def test_images_can_be_renamed_everywhere(tmp_path):
    rendered("kubernetes/claim")
    folders = [os.path.relpath(DEPLOY / "kubernetes" / name, tmp_path) for name in ("claim", "claim/data")]
    image = "{name: fernn-search, newName: registry.example/fernn-search, newTag: renamed}"
    (tmp_path / "kustomization.yaml").write_text(f"resources: {folders}\nimages: [{image}]\n")
    out = subprocess.run(["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True, check=True).stdout
    found = [image for document in documents(out) for image in find(document, "image")]
    assert len(found) == 4 and set(found) == {"registry.example/fernn-search:renamed"}
