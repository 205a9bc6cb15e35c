"""Reads a rules file: all that is wrong with it at once, each fault with line and column."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.containers import container_fault, is_system_container
from shared.errors import RulesError
from shared.model import ENTRY_PARAMETER, JobReference
from shared.parameters import ParameterTemplate
from shared.path_template import PathTemplate
from shared.path_template.braces import TemplateError
from shared.rules import Rule, Rules
from shared.rules_file.examples import Examples, check_examples, read_examples
from shared.rules_file.node_reader import NodeReader
from shared.wording import shown
from shared.yaml_source import nodes, read_yaml

FILE_KEYS = ("version", "defaults", "rules")
DEFAULTS_KEYS = ("notebook_params",)
RULE_KEYS = ("name", "description", "path", "exclude", "job", "notebook_params", "examples")
JOB_KEYS = ("id", "name")
# What a rule passes that does not say, in a file whose `defaults` do not either.
STANDARD_PARAMETERS = {"file_path": "{blob.uri}", "triggered_by": "{triggered_by}"}

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_JOB_ID = re.compile(r"[1-9][0-9]{0,18}")
_GREATEST_JOB_ID = 2**63 - 1
_JOB_FORM = "{id: 123} or {name: ETL Pipeline}"


def parse_rules(text: str, source: str) -> Rules:
    """Return the rules of a file's text; raises RulesError with every fault, told as being in `source`."""
    document = read_yaml(text)
    reader = _RulesReader(NodeReader(document.faults))
    rules = reader.read(document.root) if document.root else Rules(())
    if faults := reader.nodes.faults:
        in_order = sorted(faults, key=lambda fault: (fault.line, fault.column))
        raise RulesError(source, in_order, hint="docs/rules.md explains every construct.")
    return rules


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    template: ParameterTemplate
    text: nodes.Text


class _RulesReader:
    def __init__(self, reader: NodeReader) -> None:
        self.nodes = reader
        self._defaults: tuple[_Parameter, ...] = ()
        self._faulty_defaults: set[str] = set()  # told once, and not again for every rule
        self._lines: dict[str, int] = {}  # where each rule's name stands

    def read(self, root: nodes.Node) -> Rules:
        mapping = self.nodes.mapping(root, "the file", such_as="`version: 1` and `rules:`")
        if mapping is None:
            return Rules(())
        fields = self.nodes.fields(mapping, FILE_KEYS, "a rules file")
        self._version(mapping, fields.get("version"))
        self._defaults = self._read_defaults(fields.get("defaults"))
        read = [self._rule(node) for node in self._rule_nodes(mapping, fields.get("rules"))]
        pairs = [pair for pair in read if pair]
        rules = Rules(rule for rule, _ in pairs)
        for rule, examples in pairs:
            check_examples(self.nodes, rules, rule, examples)
        return rules

    def _version(self, mapping: nodes.Mapping, node: nodes.Node | None) -> None:
        if node is None:
            self.nodes.fault("`version` is missing: write `version: 1` as the first line.", mapping)
        elif not (isinstance(node, nodes.Number) and node.value == 1) and not isinstance(node, nodes.Invalid):
            self.nodes.fault("`version` must be 1; Landfall knows no other.", node)

    def _rule_nodes(self, mapping: nodes.Mapping, node: nodes.Node | None) -> tuple[nodes.Node, ...]:
        if node is None:
            self.nodes.fault("`rules` is missing: list at least one rule.", mapping)
            return ()
        items = self.nodes.items(node, "rules")
        if not items and isinstance(node, nodes.Sequence):
            self.nodes.fault("`rules` is empty: list at least one rule.", node)
        return items

    def _read_defaults(self, node: nodes.Node | None) -> tuple[_Parameter, ...]:
        mapping = self.nodes.mapping(node, "defaults", such_as="{notebook_params: {}}") if node else None
        if mapping is None:
            return ()
        fields = self.nodes.fields(mapping, DEFAULTS_KEYS, "`defaults`")
        return self._parameters(fields["notebook_params"]) if "notebook_params" in fields else ()

    def _rule(self, node: nodes.Node) -> tuple[Rule, Examples] | None:
        """Return a rule that has no fault of its own, and its examples."""
        before = len(self.nodes.faults)
        mapping = self.nodes.mapping(node, "a rule", such_as="`- name: crm-daily`")
        if mapping is None:
            return None
        fields = self.nodes.fields(mapping, RULE_KEYS, "a rule")
        for key in ("name", "path", "job"):
            if key not in fields:
                self.nodes.fault(f"`{key}` is missing: every rule has `name`, `path` and `job`.", mapping)
        name = self._name(fields.get("name"))
        path = self._path(fields.get("path"), "path")
        exclude = self._exclude(fields.get("exclude"))
        job = self._job(fields.get("job"))
        description = self.nodes.text(fields["description"], "description") if "description" in fields else None
        parameters = self._notebook_params(fields.get("notebook_params"), path, name)
        examples = read_examples(self.nodes, fields["examples"]) if "examples" in fields else Examples()
        if path is None or job is None or len(self.nodes.faults) > before:
            return None
        said = description.value.strip() if description else ""
        return Rule(name, path, exclude, job, parameters, said, mapping.line), examples

    def _name(self, node: nodes.Node | None) -> str:
        text = self.nodes.text(node, "name") if node else None
        if text is None:
            return ""
        if not _NAME.fullmatch(text.value):
            self.nodes.fault(
                f"{shown(text.value)} cannot name a rule: use 1 to 63 lower-case letters, digits, `-` and `_`, "
                "a letter or digit first.",
                text,
            )
        elif first := self._lines.get(text.value):
            self.nodes.fault(f"A rule called {shown(text.value)} is already on line {first}.", text)
        else:
            self._lines[text.value] = text.line
        return text.value

    def _path(self, node: nodes.Node | None, key: str) -> PathTemplate | None:
        text = self.nodes.text(node, key) if node else None
        if text is None:
            return None
        try:
            template = PathTemplate.parse(text.value)
        except TemplateError as error:
            self.nodes.template_fault(error, text)
            return None
        if fault := _container_fault(template):
            self.nodes.template_fault(TemplateError(fault, 1), text)
            return None
        return template

    def _exclude(self, node: nodes.Node | None) -> tuple[PathTemplate, ...]:
        templates: list[PathTemplate] = []
        for item in self.nodes.items(node, "exclude") if node else ():
            template = self._path(item, "exclude")
            if template and template.kinds:
                self.nodes.fault("An `exclude` captures nothing: write `*` or `**` instead of braces.", item)
            elif template:
                templates.append(template)
        return tuple(templates)

    def _job(self, node: nodes.Node | None) -> JobReference | None:
        mapping = self.nodes.mapping(node, "job", such_as=_JOB_FORM) if node else None
        if mapping is None:
            return None
        fields = self.nodes.fields(mapping, JOB_KEYS, "`job`")
        if len(mapping.entries) != 1 or not fields:
            if len(fields) == len(mapping.entries):
                self.nodes.fault(f"`job` names one job, by its id or by its name: {_JOB_FORM}.", mapping)
            return None
        return self._job_id(fields["id"]) if "id" in fields else self._job_name(fields["name"])

    def _job_id(self, node: nodes.Node) -> JobReference | None:
        written = str(node.value) if isinstance(node, nodes.Number | nodes.Text) else ""
        if _JOB_ID.fullmatch(written) and int(written) <= _GREATEST_JOB_ID:
            return JobReference(id=int(written))
        if not isinstance(node, nodes.Invalid):
            self.nodes.fault("`id` must be a job's number, such as 123456789012345.", node)
        return None

    def _job_name(self, node: nodes.Node) -> JobReference | None:
        text = self.nodes.text(node, "name")
        if text and text.value != text.value.strip():
            self.nodes.fault("The job's name begins or ends with a space.", text)
            return None
        return JobReference(name=text.value) if text else None

    def _parameters(self, node: nodes.Node) -> tuple[_Parameter, ...]:
        mapping = self.nodes.mapping(node, "notebook_params", such_as='{file_path: "{blob.uri}"}')
        parameters: list[_Parameter] = []
        for key, value in mapping.entries if mapping else ():
            if key.value == ENTRY_PARAMETER:
                self.nodes.fault(f"`{ENTRY_PARAMETER}` is what Landfall adds to every run; use another name.", key)
                continue
            if not key.value:
                self.nodes.fault("A parameter needs a name.", key)
            text = value if isinstance(value, nodes.Text) else self.nodes.text(value, key.value)
            if text is None:
                continue
            try:
                parameters.append(_Parameter(key.value, ParameterTemplate.parse(text.value), text))
            except TemplateError as error:
                self.nodes.template_fault(error, text)
        return tuple(parameters)

    def _notebook_params(
        self, node: nodes.Node | None, path: PathTemplate | None, rule: str
    ) -> tuple[tuple[str, ParameterTemplate], ...]:
        """Return the rule's parameters over the file's defaults; without either, the standard ones."""
        own = self._parameters(node) if node else ()
        if node is None and not self._defaults:
            return tuple((name, ParameterTemplate.parse(text)) for name, text in STANDARD_PARAMETERS.items())
        merged = {parameter.name: parameter for parameter in (*self._defaults, *own)}
        if path:
            for parameter in merged.values():
                self._check(parameter, path, rule)
        return tuple((parameter.name, parameter.template) for parameter in merged.values())

    def _check(self, parameter: _Parameter, path: PathTemplate, rule: str) -> None:
        try:
            parameter.template.check(path.kinds)
        except TemplateError as error:
            if parameter not in self._defaults:
                self.nodes.template_fault(error, parameter.text)
            elif parameter.name not in self._faulty_defaults:
                self._faulty_defaults.add(parameter.name)
                message = f"{error.message} (for the rule {shown(rule)})"
                self.nodes.template_fault(TemplateError(message, error.column), parameter.text)


def _container_fault(template: PathTemplate) -> str:
    if template.container is not None:
        return container_fault(template.container)
    beginning = template.static_prefix.partition("/")[0]
    return container_fault(beginning) if is_system_container(beginning) else ""
