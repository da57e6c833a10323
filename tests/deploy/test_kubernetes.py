"""Kubernetes' manifests: valid by strict schemas, and closed to all but what they need."""

import copy
from importlib.metadata import version
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from tests.deploy.manifests import (
    KUSTOMIZATIONS,
    containers,
    documents,
    everything,
    find,
    manifests,
    pod_templates,
    rendered,
)

HERE = Path(__file__).parent
KUBERNETES = "1.30"
"""The oldest version that deploy/README.md asks for."""
CUSTOM = {
    "ray.io/v1": documents((HERE / "kuberay.yaml").read_text())[0],
    "monitoring.coreos.com/v1": documents((HERE / "prometheus_operator.yaml").read_text())[0],
}
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def validate(document):
    """Raises where a schema refuses the resource, or has no field for something in it."""
    if document["apiVersion"] not in CUSTOM:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
        return
    jsonschema.validate(document, CUSTOM[document["apiVersion"]])
    for template in pod_templates(document):
        pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "of-a-custom-resource"}}
        kubernetes_validate.validate(pod | {"template": template}, KUBERNETES, strict=True)
    for options in find(document, "autoscalerOptions"):
        container = {key: options[key] for key in ("resources", "securityContext")}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "autoscaler"}}
        spec = {"containers": [{"name": "autoscaler", "image": "fernn-search", **container}]}
        kubernetes_validate.validate(pod | {"spec": spec}, KUBERNETES, strict=True)


@pytest.mark.parametrize("path", manifests(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_is_valid(path):
    for document in documents(path.read_text()):
        if document["kind"] == "RayJob":  # kustomize puts the cluster in
            document["spec"]["rayClusterSpec"] = {"headGroupSpec": {"template": {"spec": {"containers": []}}}}
        validate(document)


@pytest.mark.parametrize("folder", KUSTOMIZATIONS)
def test_what_kustomize_makes_is_valid_and_has_the_namespace(folder):
    for document in rendered(folder):
        validate(document)
        if folder != "mlflow" and document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == "fernn-search"


def job(folder="kubernetes/bucket"):
    """The RayJob, a copy that can be spoilt."""
    (found,) = [document for document in rendered(folder) if document["kind"] == "RayJob"]
    return copy.deepcopy(found)


def spoilt(change):
    document = job()
    change(document["spec"])
    return document


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: spec.update(backofflimit=3),
        lambda spec: spec.update(submissionMode="K8SJobMode"),
        lambda spec: spec.update(shutdownAfterJobFinishes=False),
        lambda spec: spec.update(clusterSelector={"ray.io/cluster": "fernn"}),
        lambda spec: spec.update(submissionMode="SidecarMode"),
        lambda spec: spec["rayClusterSpec"].update(authOptions={"mode": "tokens"}),
        lambda spec: spec["rayClusterSpec"]["workerGroupSpecs"][0].update(maxReplicas="8"),
        lambda spec: spec["rayClusterSpec"]["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}),
        lambda spec: spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"].update(restartpolicy="Never"),
        lambda spec: spec["rayClusterSpec"]["autoscalerOptions"]["resources"].update(request={}),
    ],
)
def test_a_spoilt_job_is_refused(change):
    with pytest.raises(jsonschema.ValidationError):
        validate(spoilt(change))


def test_the_job_has_the_cluster_of_the_standing_one():
    (cluster,) = [document for document in rendered("kubernetes/ray") if document["kind"] == "RayCluster"]
    assert job()["spec"]["rayClusterSpec"] == cluster["spec"]
    assert cluster["spec"]["rayVersion"] == version("ray")
    assert not [document for document in rendered("kubernetes/bucket") if document["kind"] == "RayCluster"]


def test_every_cluster_wants_a_token():
    found = [(document.get("spec", {}), *find(document, "rayClusterSpec")) for document in everything()]
    clusters = [spec for specs in found for spec in specs if "headGroupSpec" in spec]
    assert len(clusters) == 3
    assert all(spec["authOptions"]["mode"] == "token" for spec in clusters)


def test_retries_and_the_end_of_a_job_are_as_the_readme_says():
    for folder in ("kubernetes/bucket", "kubernetes/claim"):
        spec = job(folder)["spec"]
        assert spec["backoffLimit"] > 0 and spec["shutdownAfterJobFinishes"] and spec["activeDeadlineSeconds"]


def test_pods_run_without_rights():
    for document in everything():
        for template in pod_templates(document):
            spec = template["spec"]
            security = spec["securityContext"]
            assert security["runAsNonRoot"] is True and security["runAsUser"] > 0
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        for container in containers(document):
            assert RESTRICTED.items() <= container["securityContext"].items(), container["name"]
            assert "memory" in container["resources"]["requests"] and "memory" in container["resources"]["limits"]


def test_only_the_autoscaler_gets_an_account_of_kubernetes():
    for document in everything():
        for template in pod_templates(document):
            names = {container["name"] for container in template["spec"]["containers"]}
            assert names == {"ray-head"} or template["spec"]["automountServiceAccountToken"] is False


def test_what_stays_has_probes():
    for document in rendered("kubernetes/services"):
        if document["kind"] in ("Deployment", "StatefulSet"):
            for container in containers(document):
                assert {"readinessProbe", "livenessProbe"} <= container.keys(), container["name"]


def test_no_door_to_the_outside():
    for document in everything():
        assert document["kind"] != "Ingress"
        assert not list(find(document, "enableIngress"))
        assert set(find(document, "serviceType")) <= {"ClusterIP"}
        if document["kind"] == "Service":
            assert document["spec"].get("type", "ClusterIP") == "ClusterIP"


def test_everything_is_denied_but_what_a_policy_names():
    policies = {
        document["metadata"]["name"]: document["spec"]
        for document in rendered("kubernetes/services")
        if document["kind"] == "NetworkPolicy"
    }
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for document in everything():
        if document["kind"] == "NetworkPolicy":
            for rule in document["spec"].get("ingress", []):
                assert rule["from"], document["metadata"]["name"]
    (database,) = policies["postgres"]["ingress"]
    assert database["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/component": "mlflow"}}}]
    (server,) = policies["mlflow"]["ingress"]
    assert server["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/component": "mlflow-proxy"}}}]
