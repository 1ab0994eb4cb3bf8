"""How each program of each shell block is followed: typed by a test as the page has it, or proven in another way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from keyplan import __version__


class Here(Enum):
    """By which tests the commands of a program are typed."""

    NOW = "test_shell_blocks.py, in every run of the suite"
    INSTALLED = "test_installation_blocks.py, which installs packages: make dist"
    ON_SERVERS = "test_server_blocks.py, on a real Phoenix and a real ZenML: make providers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A program that no test types, and what checks the same thing."""

    reason: str
    by: tuple[str, ...]
    """Files of tests, or lines of `.ci/run`."""


Row: TypeAlias = Mapping[str, Here | Elsewhere]
"""The programs of a block, and for each how it is followed."""

IN_IMAGE = Elsewhere(reason="needs a container engine", by=("make image", "tests/image/test_image.py"))
PUSHED = Elsewhere(reason="needs a container engine and a registry", by=("tests/image/test_publish.py",))
IN_CLUSTER = Elsewhere(
    reason="needs a cluster with nodes: its options, objects and Secrets are checked against the rendered chart",
    by=("make chart", "tests/chart/test_page.py"),
)
APPLIED = Elsewhere(
    reason="needs a cluster with nodes: the documents that it applies are checked without one",
    by=("tests/pipelines/test_others.py",),
)
BY_PIPELINE = Elsewhere(reason="builds for minutes: the pipeline runs it", by=("make image", "make sbom"))
LOCKED = Elsewhere(
    reason="every extra is installed from its lock file, and `pip install '.[EXTRA]'` typed on the first pages",
    by=("make supply-chain", "tests/documentation/test_installation_blocks.py"),
)
SHOWN = Elsewhere(
    reason="shows the answer for an account of its own; the page of the command is followed with its answers",
    by=("tests/documentation/test_command_pages.py",),
)
BESIDE = Elsewhere(
    reason="the program of a vendor reads what was delivered: tests read it back from the real store or its emulator",
    by=("make sinks-marked",),
)
PROVIDER_PACKAGE = Elsewhere(
    reason="the package is installed and its tests run by a test of its own", by=("tests/test_example_provider.py",)
)
SINK_PACKAGE = Elsewhere(
    reason="the package is installed and its tests run by a test of its own", by=("tests/test_example_sink.py",)
)
HERE, INSTALLED, SERVED = Here.NOW, Here.INSTALLED, Here.ON_SERVERS
OF_PACKAGES = ("python", ".", "pip", "cp", "cd", "pytest", "keyplan")

ROWS: Mapping[str, Mapping[str, Row]] = {
    ".github/PINS.md": {
        "git ls-remote https://github.com/OWNER/NAME 'refs/tags/VERSION' 'refs/tags/VERSION^{}'": {
            "git": Elsewhere(reason="asks github.com", by=("tests/repository/test_workflows.py",))
        }
    },
    "README.md": {
        "make demo": {
            "make": Elsewhere(reason="works on the checkout itself", by=("make test", "tests/e2e/test_first_steps.py"))
        },
        "pipx install .": {"pipx": INSTALLED, "keyplan": HERE},
        "keyplan plan envs/ --policy platform.yaml --format text --format markdown=comment.md": {"keyplan": HERE},
    },
    "charts/keyplan/README.md": {"kubectl create namespace keyplan": {"kubectl": IN_CLUSTER, "helm": IN_CLUSTER}},
    "docs/adoption.md": {
        "keyplan export --owner acme > keys.yaml": {"keyplan": SHOWN},
        "keyplan export --owner acme --split-by space --out teams": {"keyplan": SHOWN},
    },
    "docs/container.md": {
        "docker build -t keyplan .": {"docker": IN_IMAGE},
        "docker build -t keyplan --secret id=pip_config,src=/etc/pip.conf "
        "--secret id=ca_bundle,src=/etc/ssl/certs/ca-certificates.crt .": {"docker": IN_IMAGE},
        "docker run --rm keyplan demo": {"docker": IN_IMAGE},
        "make image": {"make": BY_PIPELINE},
        "make dist": {"make": BY_PIPELINE},
    },
    "docs/drift.md": {"keyplan drift": {"keyplan": SHOWN}},
    "docs/gitops.md": {
        "keyplan init": {"keyplan": HERE},
        "keyplan validate . --policy policy.yaml --format text --format sarif=findings.sarif": {"keyplan": HERE},
    },
    "docs/installation.md": {
        "pipx install .": {"pipx": INSTALLED, "uv": INSTALLED, "pip": INSTALLED, "make": BY_PIPELINE},
        "python3 -m venv /opt/keyplan": {"python3": INSTALLED, "pip": INSTALLED},
    },
    "docs/kubernetes.md": {
        f"docker build -t registry.example.com/keyplan:{__version__} --build-arg EXTRAS=postgres .": {"docker": PUSHED},
        "kubectl create namespace keyplan": {"kubectl": IN_CLUSTER},
        "keyplan validate keys.yaml": {"keyplan": HERE, "helm": IN_CLUSTER},
        "kubectl -n keyplan create job --from=cronjob/keyplan-plan plan-1": {"kubectl": IN_CLUSTER},
        "helm upgrade keyplan charts/keyplan --namespace keyplan --values values.yaml \\": {"helm": IN_CLUSTER},
        "helm -n keyplan history keyplan": {"helm": IN_CLUSTER},
        "kubectl -n keyplan get pods --selector app.kubernetes.io/component=watch": {"kubectl": IN_CLUSTER},
    },
    "docs/leak-reports.md": {
        "pip install '.[leak-reports]'": {"pip": LOCKED, "curl": HERE, "keyplan": HERE},
        "gh api repos/OWNER/REPOSITORY/secret-scanning/alerts/NUMBER --jq .secret | keyplan leak": {
            "gh": HERE,  # a program of the test that prints a token: GitHub can't be asked
            "keyplan": HERE,
        },
        "openssl ecparam -name prime256v1 -genkey -noout -out scanner.pem": {
            "openssl": HERE,
            "jq": HERE,
        },
        "curl -fsS https://HOST/leaks/github --data-binary @report.json \\": {"curl": HERE},
    },
    "docs/ledger.md": {"keyplan history verify --head 4f0c...": {"keyplan": SHOWN}},
    "docs/ledgers.md": {
        "keyplan ledger copy .keyplan/ledger.db s3://acme-keyplan/prod?region=eu-west-1": {"keyplan": SHOWN}
    },
    "docs/manifest.md": {"keyplan plan base.yaml --overlay prod.yaml": {"keyplan": HERE}},
    "docs/metrics.md": {
        "keyplan drift keys.yaml --metrics-file /var/lib/node_exporter/textfile/keyplan.prom": {"keyplan": HERE}
    },
    "docs/mutants.md": {
        "make mutants": {"make": Elsewhere(reason="takes an hour", by=("tests/mutant_score.py",))},
    },
    "docs/notifications.md": {'export KEYPLAN_NOTIFY="$(cat /run/secrets/hook)"': {"cat": HERE, "keyplan": HERE}},
    "docs/policy.md": {"keyplan validate keys.yaml --policy platform.yaml": {"keyplan": HERE}},
    "docs/providers/phoenix.md": {
        "export PHOENIX_ADMIN_SECRET=...": {"keyplan": SERVED},
        "keyplan drift": {"keyplan": SERVED},
        "keyplan apply": {"keyplan": SERVED},
    },
    "docs/providers/zenml.md": {
        "export ZENML_ADMIN_TOKEN=...": {"keyplan": SERVED},
        "keyplan rotate service/ci/train": {"keyplan": SERVED, "zenml": SERVED},
        "keyplan apply": {"keyplan": SERVED},
    },
    "docs/rotation.md": {
        "keyplan rotate user/ci": {"keyplan": SHOWN},
        "keyplan ledger show": {"keyplan": SHOWN},
        "keyplan import user/ci QXBpS2V5OjEwMDI6OTA1OQ==": {"keyplan": SHOWN},
        "keyplan calendar --days 80": {"keyplan": SHOWN},
    },
    "docs/sandbox.md": {
        "pip install '.[sandbox]'": {"pip": LOCKED, "keyplan": HERE},
        "curl -s -X POST localhost:8080/_sandbox/clock -d '{\"advance_seconds\": 86400}'": {"curl": HERE},
        'curl -s -X POST localhost:8080/_sandbox/faults -d \'{"faults": [': {"curl": HERE},
        "curl -s 'localhost:8080/_sandbox/requests?after=41'": {"curl": HERE},
        "curl -s localhost:8080/_sandbox/keys": {"curl": HERE},
        "curl -s -X PUT localhost:8080/v2/api-keys/QXBpS2V5OjEwMDI6YzgyMA==/revoke "
        '-H "Authorization: Bearer $ARIZE_API_KEY"': {"curl": HERE},
    },
    "docs/scale.md": {
        "PYTHONPATH=tests .venv/bin/python -m races.real.scale --ledger s3 --manifests 20 --keys 100 --watchers 0": {
            "python": Elsewhere(reason="measures for minutes", by=("tests/races/real/scale.py",))
        }
    },
    "docs/sinks/age.md": {
        'export ARIZE_API_KEY="$(age -d -i key.txt secrets/ci-pipeline.age)"': {"age": BESIDE},
    },
    "docs/sinks/aws-secrets-manager.md": {
        "pip install '.[aws-secrets-manager]'": {"pip": LOCKED},
        "aws secretsmanager get-secret-value --secret-id arize/ci-pipeline --query SecretString --output text": {
            "aws": BESIDE
        },
    },
    "docs/sinks/aws-ssm.md": {
        "pip install '.[aws-ssm]'": {"pip": LOCKED},
        "aws ssm get-parameter --name /arize/ci-pipeline --with-decryption --query Parameter.Value --output text": {
            "aws": BESIDE
        },
    },
    "docs/sinks/azure-key-vault.md": {
        "pip install '.[azure-key-vault]'": {"pip": LOCKED},
        'export ARIZE_API_KEY="$(az keyvault secret show --vault-name acme-prod --name arize-ci-pipeline '
        '--query value -o tsv)"': {"az": BESIDE},
    },
    "docs/sinks/command.md": {
        "store.sh": {"store.sh": HERE},
        "chmod +x store.sh": {"chmod": HERE, "mkdir": HERE, "keyplan": HERE},
    },
    "docs/sinks/file.md": {
        'export ARIZE_API_KEY="$(cat secrets/ci-pipeline.key)"': {
            "cat": HERE,
            "set": HERE,
            ".": HERE,
            "docker": IN_IMAGE,
            "jq": HERE,
        }
    },
    "docs/sinks/gcp-secret-manager.md": {
        "pip install '.[gcp-secret-manager]'": {"pip": LOCKED},
        'export ARIZE_API_KEY="$(gcloud secrets versions access latest --secret arize-ci-pipeline)"': {
            "gcloud": BESIDE
        },
    },
    "docs/sinks/keyring.md": {
        'export ARIZE_API_KEY="$(keyring get arize dana-laptop)"': {"keyring": BESIDE, "secret-tool": BESIDE}
    },
    "docs/sinks/kubernetes.md": {
        "sudo apt-get install etcd-server": {
            "sudo": Elsewhere(reason="installs a server", by=("tests/sinks/kubernetes/real.py",)),
            "pytest": Elsewhere(reason="runs tests", by=("make sinks-marked",)),
        }
    },
    "docs/sinks/sops.md": {
        'export ARIZE_API_KEY="$(sops decrypt --extract \'["arize"]["ci-pipeline"]\' secrets.enc.yaml)"': {
            "sops": BESIDE
        }
    },
    "docs/sinks/vault.md": {
        "pip install '.[vault]'": {"pip": LOCKED},
        'export ARIZE_API_KEY="$(vault kv get -field=api_key secret/arize/ci-pipeline)"': {"vault": BESIDE},
    },
    "docs/start/first-ten-minutes.md": {
        "python3 -m venv .venv && . .venv/bin/activate": {
            "python3": INSTALLED,
            ".": INSTALLED,
            "pip": INSTALLED,
            "keyplan": INSTALLED,
        }
    },
    "docs/watch.md": {"keyplan watch keys.yaml": {"keyplan": HERE}},
    "docs/writing-a-plugin.md": {
        "python -m venv .venv && . .venv/bin/activate": {"python": LOCKED, ".": LOCKED, "pip": LOCKED}
    },
    "docs/writing-a-provider.md": {
        "python -m venv .venv && . .venv/bin/activate": dict.fromkeys(OF_PACKAGES, PROVIDER_PACKAGE)
    },
    "docs/writing-a-sink.md": {
        "python -m venv .venv && . .venv/bin/activate": dict.fromkeys(OF_PACKAGES, SINK_PACKAGE)
    },
    "examples/01-start/README.md": {"keyplan sandbox --port 8080": {"keyplan": HERE}},
    "examples/03-environments/README.md": {"keyplan sandbox --port 8080": {"keyplan": HERE}},
    "examples/kubernetes/README.md": {
        "kubectl apply -f namespace.yaml": {"kubectl": APPLIED},
        "kubectl -n keyplan create job --from=cronjob/keyplan-drift first-look": {"kubectl": APPLIED},
        "kubectl -n keyplan create secret generic keyplan-ledger --from-file=url=./ledger-url": {"kubectl": APPLIED},
        "curl -fsS https://api.github.com/meta/public_keys/secret_scanning -o public_keys.json": {
            "curl": Elsewhere(reason="the same command is typed on another page", by=("docs/leak-reports.md",)),
            "kubectl": APPLIED,
        },
    },
    "examples/provider-package/README.md": {
        "pip install ../.. '.[testing]'": {"pip": PROVIDER_PACKAGE, "pytest": PROVIDER_PACKAGE},
        "export LATCHKEY_ADMIN_KEY=only-for-this-machine": {
            "python": PROVIDER_PACKAGE,
            "keyplan": PROVIDER_PACKAGE,
            "kill": PROVIDER_PACKAGE,
        },
    },
    "examples/sink-package/README.md": {
        "pip install ../.. '.[testing]'": {"pip": SINK_PACKAGE, "pytest": SINK_PACKAGE, "keyplan": SINK_PACKAGE}
    },
    "examples/systemd/README.md": {
        "python3 -m venv /opt/keyplan && /opt/keyplan/bin/pip install /path/to/checkout": {
            "python3": INSTALLED,
            "pip": INSTALLED,
            "install": INSTALLED,
            "useradd": Elsewhere(reason="adds a user to the machine", by=("tests/test_systemd_example.py",)),
        },
        "systemd-run --pty --uid=keyplan --property=StateDirectory=keyplan "
        "--setenv=KEYPLAN_LEDGER=/var/lib/keyplan/ledger.db \\": {
            "systemd-run": INSTALLED  # a program of the test runs the command: systemd isn't process 1 everywhere
        },
    },
}
"""By page and block. A block is called by its file, or by its first line without the comment."""
