"""Hollow nodes join a real API server, as root: `python -m tests.real.cluster`.

It builds kube-apiserver and etcd where they are missing, which takes minutes. What docs/nodes.md
shows is created there, and `fakecri node` started with the arguments, the kubeconfig and the rights
that it shows. Nothing schedules and no controller runs: pods are bound to nodes by this script. It
prints how long nodes took to be Ready, and pods to be Running.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from fakecri.kubelet.ports import HeldPorts
from tests import nodes_page
from tests.real import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 120
TOKEN = "administrator"  # noqa: S105  # of a server that lives for a minute
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Pod": "/api/v1/namespaces/{}/pods",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}
NODES = "/api/v1/nodes"
PODS = PATHS["Pod"].format("default")


class Refusal(Exception):  # noqa: N818  # it reads as what it is
    """What the API server refused, and why."""


class Api:
    """An API server, for its administrator."""

    def __init__(self, port: int) -> None:
        self.url = f"https://127.0.0.1:{port}"

    def get(self, path: str) -> str:
        """What is there."""
        return self._ask(Request(self.url + path))  # noqa: S310  # our own server

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What the server made of it."""
        headers = {"Content-Type": "application/json"}
        request = Request(  # noqa: S310  # our own server
            self.url + path, json.dumps(body).encode(), headers, method="POST"
        )
        answer: dict[str, Any] = json.loads(self._ask(request))
        return answer

    def create(self, document: dict[str, Any], options: str = "") -> None:
        """Create an object; what the server does not know is refused."""
        namespace = document["metadata"].get("namespace", "default")
        path = PATHS[document["kind"]].format(namespace)
        self.post(f"{path}?fieldValidation=Strict{options}", document)

    def items(self, path: str) -> list[dict[str, Any]]:
        """The objects of a list."""
        items: list[dict[str, Any]] = json.loads(self.get(path))["items"]
        return items

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return self.get("/readyz") == "ok"
        except (OSError, Refusal):
            return False

    def _ask(self, request: Request) -> str:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is self-signed
        request.add_header("Authorization", f"Bearer {TOKEN}")
        try:
            with urlopen(request, context=context) as answer:  # noqa: S310  # our own server
                return str(answer.read().decode())
        except HTTPError as error:
            raise Refusal(f"{request.full_url}: {error.read().decode()}") from error


def _openssl(home: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=home, check=True, capture_output=True)


def _write_keys(home: Path) -> None:
    subject = ("-subj", "/O=system:masters/CN=kube-apiserver")
    new = ("req", "-newkey", "rsa:2048", "-nodes")
    _openssl(home, "genrsa", "-out", "sa.key", "2048")
    _openssl(home, *new, "-x509", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    _openssl(home, *new, "-keyout", "client.key", "-out", "client.csr", *subject)
    (home / "usage").write_text("extendedKeyUsage=clientAuth\n")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "usage")
    _openssl(home, "x509", "-req", "-in", "client.csr", *signed, "-out", "client.crt")


def _program(name: str) -> Path:
    tool = install.provide(name)
    if tool.path is None:
        raise SystemExit(str(tool))
    return tool.path


@contextmanager
def _running(home: Path, name: str, *flags: str) -> Iterator[None]:
    program = _program(name)
    with (home / f"{name}.log").open("w") as log:
        process = subprocess.Popen([program, *flags], cwd=home, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


@contextmanager
def api_server(home: Path) -> Iterator[Api]:
    """Run an API server, and what it keeps its objects in."""
    _write_keys(home)
    (home / "tokens.csv").write_text(f'{TOKEN},admin,1,"system:masters"\n')
    with ExitStack() as stack:
        held = HeldPorts(3, "127.0.0.1")
        stack.callback(held.give_back)
        client, peer, port = held.numbers
        etcd = f"http://127.0.0.1:{client}"
        peers = f"http://127.0.0.1:{peer}"
        stack.enter_context(
            _running(
                home,
                "etcd",
                "--data-dir=etcd",
                *(f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}"),
                *(f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}"),
                f"--initial-cluster=default={peers}",
            )
        )
        stack.enter_context(
            _running(
                home,
                "kube-apiserver",
                f"--etcd-servers={etcd}",
                *("--bind-address=127.0.0.1", f"--secure-port={port}", "--cert-dir=served"),
                *("--token-auth-file=tokens.csv", "--authorization-mode=Node,RBAC"),
                *("--client-ca-file=ca.crt", "--kubelet-client-certificate=client.crt"),
                "--kubelet-client-key=client.key",
                "--kubelet-preferred-address-types=InternalIP",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-account-key-file=sa.key",
                "--service-account-signing-key-file=sa.key",
                "--service-cluster-ip-range=10.96.0.0/16",
                "--allow-privileged=true",
            )
        )
        api = Api(port)
        until(api.is_ready, "the API server")
        yield api


def until(condition: Callable[[], object], what: str) -> float:
    """Wait until a condition is true; how many seconds that was."""
    begin_s = time.monotonic()
    while not condition():
        if time.monotonic() > begin_s + PATIENCE_S:
            raise SystemExit(f"waited for {what}")
        time.sleep(0.2)
    return time.monotonic() - begin_s


def create_documents(api: Api) -> int:
    """Create what the page shows, each after a trial; how many objects that are."""
    documents = nodes_page.documents()
    for each in documents:
        api.create(each, "&dryRun=All")
        api.create(each)
    return len(documents)


def node_command(api: Api, home: Path) -> list[str]:
    """The command of the page, which has other places here."""
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    kubeconfig = nodes_page.document("ConfigMap")["data"]["kubeconfig"]
    token = api.post(
        "/api/v1/namespaces/hollow/serviceaccounts/hollow-node/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    )
    (home / "token").write_text(token["status"]["token"])
    (home / "kubeconfig").write_text(
        kubeconfig.replace("https://kubernetes.default.svc", api.url)
        .replace(f"{account}/ca.crt", f"{home}/served/apiserver.crt")
        .replace(f"{account}/token", f"{home}/token")
    )
    here = {
        "$(POD_NAME)": "hollow-0",
        "/etc/hollow/kubeconfig": f"{home}/kubeconfig",
        "/var/lib/hollow": f"{home}/nodes",
        f"{account}/ca.crt": f"{home}/ca.crt",
    }
    arguments = nodes_page.node_arguments()
    for there, place in here.items():
        arguments = [each.replace(there, place) for each in arguments]
    node = ("fakecri", "node", f"--kubelet={_program('kubelet')}")
    return [sys.executable, "-m", *node, *arguments]


def ready(api: Api, path: str) -> list[str]:
    """The names of those objects, nodes or pods, that are Ready."""
    return [
        each["metadata"]["name"]
        for each in api.items(path)
        for condition in each["status"].get("conditions", [])
        if (condition["type"], condition["status"]) == ("Ready", "True")
    ]


def bind_pods(api: Api, nodes: list[str], count: int) -> None:
    """Bind pods of the Deployment of the page to nodes, as a scheduler does."""
    default: dict[str, Any] = {"kind": "ServiceAccount", "metadata": {"name": "default"}}
    api.create(default)
    root = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": ""}}
    api.create({"kind": "ConfigMap", **root})
    template = nodes_page.document("Deployment")["spec"]["template"]
    for node in nodes:
        for number in range(count):
            name = f"{node}-{number}"
            api.create({"kind": "Pod", **template, "metadata": {"name": name}})
            target = {"apiVersion": "v1", "kind": "Node", "name": node}
            api.post(
                f"{PODS}/{name}/binding",
                {"metadata": {"name": name}, "target": target},
            )


def main() -> int:
    """Print a line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pods", type=int, default=5, help="pods on each node (5)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fakecri-") as name, api_server(Path(name)) as api:
        created = create_documents(api)
        with subprocess.Popen(node_command(api, Path(name)), stdout=subprocess.DEVNULL) as nodes:
            try:
                ready_s = until(lambda: len(ready(api, NODES)) == 10, "nodes to be Ready")
                names = ready(api, NODES)
                bind_pods(api, names, given.pods)
                everywhere = given.pods * len(names)
                running_s = until(lambda: len(ready(api, PODS)) == everywhere, "pods")
                told = api.get(f"{PODS}/{names[0]}-0/log")
            finally:
                nodes.terminate()
        figures = {
            "objects": created,
            "nodes": len(names),
            "ready_s": round(ready_s, 1),
            "pods": everywhere,
            "running_s": round(running_s, 1),
            "log": told[:60],
            "status": nodes.returncode,
        }
        sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    if os.geteuid() != 0:
        raise SystemExit("kubelets need root")
    sys.exit(main())
