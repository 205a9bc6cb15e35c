"""Reads a rules file: all that is wrong with it at once, each fault with line and column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.errors import RulesError
from shared.parameters import ParameterTemplate
from shared.path_template import PathPattern
from shared.rules import Gathering, Rule, Rules, RunParameters
from shared.rules.run_parameters import KINDS, Value
from shared.rules_file.condition_reader import CONDITION_KEYS, read_conditions
from shared.rules_file.defaults_reader import Defaults, read_defaults, read_mode, read_on_overwrite
from shared.rules_file.example_checks import check_examples
from shared.rules_file.examples import Examples, read_examples
from shared.rules_file.failure_reader import read_on_failure
from shared.rules_file.gather_reader import read_gather
from shared.rules_file.job_reader import read_job
from shared.rules_file.limit_reader import read_limits
from shared.rules_file.name_reader import RuleNames
from shared.rules_file.node_reader import NodeReader
from shared.rules_file.parameter_checks import ParameterChecks
from shared.rules_file.parameter_reader import DEFAULT_KINDS, merged, read_kinds, values_of
from shared.rules_file.path_reader import read_exclude, read_path
from shared.yaml_source import nodes, read_yaml

FILE_KEYS = ("version", "defaults", "rules")
RULE_KEYS = (
    "name",
    "renamed_from",
    "description",
    "path",
    "regex",
    "exclude",
    *CONDITION_KEYS,
    "also",
    "enabled",
    "mode",
    "on_overwrite",
    "on_failure",
    "gather",
    "limit",
    "job",
    *KINDS,
    "examples",
)
# What a rule passes that does not say, in a file whose `defaults` do not either.
STANDARD_PARAMETERS = {"file_path": "{blob.uri}", "triggered_by": "{triggered_by}"}
STANDARD_OF_BATCHES = {"manifest": "{gather.manifest}", "triggered_by": "{triggered_by}"}


def _standard(parameters: Mapping[str, str]) -> Mapping[str, Value]:
    return {"notebook_params": {name: ParameterTemplate.parse(text) for name, text in parameters.items()}}


_STANDARD, _STANDARD_OF_BATCHES = _standard(STANDARD_PARAMETERS), _standard(STANDARD_OF_BATCHES)


def parse_rules(text: str, source: str) -> Rules:
    """Return the rules of a file's text; raises RulesError with every fault, told as being in `source`."""
    document = read_yaml(text)
    nodes_reader = NodeReader(document.faults)
    rules = _RulesReader(nodes_reader).read(document.root) if document.root else Rules(())
    if faults := nodes_reader.faults:
        in_order = sorted(faults, key=lambda fault: (fault.line, fault.column))
        raise RulesError(source, in_order, hint="docs/rules.md explains every construct.")
    return rules


class _RulesReader:
    def __init__(self, reader: NodeReader) -> None:
        self._nodes = reader
        self._defaults = Defaults()
        self._checks = ParameterChecks(reader, {}, {})
        self._names = RuleNames(reader)

    def read(self, root: nodes.Node) -> Rules:
        mapping = self._nodes.mapping(root, "the file", such_as="`version: 1` and `rules:`")
        if mapping is None:
            return Rules(())
        fields = self._nodes.fields(mapping, FILE_KEYS, "a rules file")
        self._version(mapping, fields.get("version"))
        self._defaults = read_defaults(self._nodes, fields.get("defaults"))
        self._checks = ParameterChecks(self._nodes, self._defaults.kinds, self._defaults.volumes)
        read = [self._rule(node) for node in self._rule_nodes(mapping, fields.get("rules"))]
        self._names.check()
        pairs = [pair for pair in read if pair]
        rules = Rules(rule for rule, _ in pairs)
        for rule, examples in pairs:
            check_examples(self._nodes, rules, rule, examples)
        return rules

    def _version(self, mapping: nodes.Mapping, node: nodes.Node | None) -> None:
        if node is None:
            self._nodes.fault("`version` is missing: write `version: 1` as the first line.", mapping)
        elif not (isinstance(node, nodes.Number) and node.value == 1) and not isinstance(node, nodes.Invalid):
            self._nodes.fault("`version` must be 1; Landfall knows no other.", node)

    def _rule_nodes(self, mapping: nodes.Mapping, node: nodes.Node | None) -> tuple[nodes.Node, ...]:
        if node is None:
            self._nodes.fault("`rules` is missing: list at least one rule.", mapping)
            return ()
        items = self._nodes.items(node, "rules")
        if not items and isinstance(node, nodes.Sequence):
            self._nodes.fault("`rules` is empty: list at least one rule.", node)
        return items

    def _rule(self, node: nodes.Node) -> tuple[Rule, Examples] | None:
        """Return a rule that has no fault of its own, and its examples."""
        before = len(self._nodes.faults)
        mapping = self._nodes.mapping(node, "a rule", such_as="`- name: crm-daily`")
        if mapping is None:
            return None
        fields = self._nodes.fields(mapping, RULE_KEYS, "a rule")
        self._note_missing(mapping, fields)
        name, renamed_from = self._names.read(fields)
        path = read_path(self._nodes, fields)
        job = read_job(self._nodes, fields.get("job"))
        gather = read_gather(self._nodes, fields.get("gather"), path)
        parameters = self._parameters(mapping, fields, path, name, gather)
        options = self._options(fields)
        if gather and options["conditions"].min_age:
            message = "A rule with `gather` has no `min_age`: `quiet` waits for its files. Write `min_age: 0s` here."
            self._nodes.fault(message, fields.get("min_age") or fields["gather"])
        examples = read_examples(self._nodes, fields["examples"]) if "examples" in fields else Examples()
        if path is None or job is None or len(self._nodes.faults) > before:
            return None
        rule = Rule(
            name=name,
            renamed_from=renamed_from,
            path=path,
            job=job,
            parameters=parameters,
            gather=gather,
            volumes=self._defaults.volumes,
            line=mapping.line,
            **options,
        )
        return rule, examples

    def _options(self, fields: Mapping[str, nodes.Node]) -> dict[str, Any]:
        """Return the fields of a rule that all have a default, in the file or in the language."""
        reader, defaults = self._nodes, self._defaults
        description = reader.text(fields["description"], "description") if "description" in fields else None
        return {
            "description": description.value.strip() if description else "",
            "exclude": (*defaults.exclude, *read_exclude(reader, fields.get("exclude"))),
            "conditions": read_conditions(reader, fields, defaults.conditions),
            "also": reader.boolean(fields["also"], "also") if "also" in fields else False,
            "enabled": reader.boolean(fields["enabled"], "enabled") if "enabled" in fields else True,
            "mode": read_mode(reader, fields.get("mode"), defaults.mode),
            "on_overwrite": read_on_overwrite(reader, fields.get("on_overwrite"), defaults.on_overwrite),
            "on_failure": read_on_failure(reader, fields.get("on_failure"), defaults.on_failure),
            "limits": read_limits(reader, fields.get("limit"), defaults.limits),
        }

    def _note_missing(self, mapping: nodes.Mapping, fields: Mapping[str, nodes.Node]) -> None:
        for key in ("name", "path", "job"):
            if key not in fields and not (key == "path" and "regex" in fields):
                message = f"`{key}` is missing: every rule has `name`, `path` (or `regex`) and `job`."
                self._nodes.fault(message, mapping)

    def _parameters(
        self,
        mapping: nodes.Mapping,
        fields: Mapping[str, nodes.Node],
        path: PathPattern | None,
        rule: str,
        gather: Gathering | None,
    ) -> RunParameters:
        """Return the rule's parameters over the file's defaults; where neither is written, the standard ones."""
        own = read_kinds(self._nodes, fields)
        kinds = merged(own, self._defaults.kinds)
        self._checks.check_together(kinds, mapping)
        if path:
            self._checks.check_templates(kinds, path, rule, is_regex="regex" in fields, gather=gather)
        values = values_of(kinds)
        standard = _STANDARD_OF_BATCHES if gather else _STANDARD
        parameters = RunParameters(values if set(values) & set(DEFAULT_KINDS) else {**standard, **values})
        self._checks.check_sizes(parameters, mapping)
        return parameters
