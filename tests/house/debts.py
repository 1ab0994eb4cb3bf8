"""Files that still break a rule. This list gets shorter: nothing is added to it, and an entry goes with its cause."""

from __future__ import annotations

from collections.abc import Mapping

DEBTS: Mapping[str, frozenset[str]] = {
    "find_class_names": frozenset(
        {
            "keyplan/cli/outputs.py",
            "keyplan/model/drift.py",
            "keyplan/model/manifest.py",
            "keyplan/model/plan.py",
            "keyplan/notify/targets.py",
            "keyplan/renderers/ci/markdown.py",
            "keyplan/sinks/aws/parameters.py",
            "keyplan/sinks/aws/secrets_manager.py",
            "keyplan/sinks/azure/client.py",
            "keyplan/sinks/azure/store.py",
            "keyplan/sinks/gcp/client.py",
            "keyplan/sinks/github/places.py",
            "keyplan/sinks/kubernetes/errors.py",
            "keyplan/sinks/kubernetes/state.py",
        }
    ),
    "find_functions": frozenset(
        {
            "keyplan/app/api.py",
            "keyplan/cli/commands/drift.py",
            "keyplan/cli/commands/plan.py",
            "keyplan/cli/commands/sandbox.py",
            "keyplan/cli/options.py",
        }
    ),
    "find_reveals": frozenset(
        {
            "keyplan/sinks/age/sink.py",
            "keyplan/sinks/github/client.py",
            "keyplan/sinks/gitlab/sink.py",
            "keyplan/sinks/gitlab/state.py",
            "keyplan/sinks/kubernetes/tls.py",
            "keyplan/sinks/vault/client.py",
        }
    ),
    "find_sizes": frozenset(
        {
            "keyplan/app/context.py",
            "keyplan/app/validate.py",
            "keyplan/cli/sandbox_server.py",
            "keyplan/model/notice.py",
            "keyplan/renderers/json_text.py",
            "keyplan/renderers/text/problems.py",
            "keyplan/sinks/read_only.py",
        }
    ),
    "find_standard_library_imports": frozenset(
        {
            "keyplan/model/bugs.py",
        }
    ),
    "find_stray_tests": frozenset(
        {
            "tests/cli/test_many.py",
            "tests/cli/test_policy.py",
            "tests/cli/test_small_commands.py",
            "tests/cli/test_startup.py",
            "tests/cli/test_tour.py",
            "tests/cli/test_unlawful.py",
            "tests/cli/test_waiting.py",
            "tests/manifest/test_any_input.py",
            "tests/renderers/test_attacks.py",
            "tests/sinks/test_kube_config.py",
        }
    ),
}
"""Paths by the name of the rule."""
