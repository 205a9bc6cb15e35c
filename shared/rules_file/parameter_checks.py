"""What parameters of a rule cannot be: templates that nothing fills, and kinds that Databricks refuses together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from shared.parameters import OF_BATCHES, OF_FILES, VALUES, ParameterTemplate
from shared.path_template import PathPattern
from shared.path_template.braces import TemplateError
from shared.path_template.capture_kinds import CaptureKind
from shared.rules import Gathering, RunParameters
from shared.rules.run_parameters import CONFLICTS, SIZE_LIMIT, least_size
from shared.rules_file.node_reader import NodeReader
from shared.rules_file.parameter_reader import Written, WrittenKind, written_texts
from shared.wording import shown
from shared.yaml_source import nodes

# What a command may be made of: nothing in these means anything to a shell, whatever a blob is called. Databricks
# does not tell how it splits a dbt command, and puts a token into its environment:
# https://learn.microsoft.com/azure/databricks/jobs/dbt
COMMAND_VALUES = frozenset(
    {
        "blob.https",
        "blob.account",
        "blob.container",
        "blob.size",
        "blob.last_modified",
        "event.time",
        "event.type",
        "rule.name",
        "entry.key",
        "triggered_by",
        "gather.manifest",
        "gather.count",
    }
)
_NO_BATCH = {
    name: f"`{name}` is known only in a rule with `gather`, which starts one run for many files." for name in OF_BATCHES
}


def conflict(kinds: Mapping[str, object]) -> tuple[str, str] | None:
    """Return the first two kinds that Databricks refuses together."""
    return next((pair for pair in CONFLICTS if pair[0] in kinds and pair[1] in kinds), None)


class ParameterChecks:
    """Checks the parameters of rules; what is wrong with a default is told once, and not for every rule."""

    def __init__(self, reader: NodeReader, defaults: Mapping[str, WrittenKind], volumes: Mapping[str, str]) -> None:
        self._reader = reader
        self._defaults = {_place(written) for kind in defaults.values() for written in written_texts(kind)}
        self._told: set[tuple[int, int]] = set()
        self._volumes = volumes

    def check_templates(
        self,
        kinds: Mapping[str, WrittenKind],
        path: PathPattern,
        rule: str,
        *,
        is_regex: bool,
        gather: Gathering | None = None,
    ) -> None:
        """Note each template that cannot be filled for a rule of this name and path, and for its batches if it has."""
        refused = self._refused(path.container) if gather else {**_NO_BATCH, **self._refused(path.container)}
        for name, kind in kinds.items():
            is_command = name == "dbt_commands"
            unusable = {**refused, **_refused_in_commands(path.kinds, is_regex=is_regex)} if is_command else refused
            for written in written_texts(kind):
                try:
                    written.template.check(path.kinds, unusable)
                    if gather:
                        _check_in_batches(written.template, gather)
                except TemplateError as error:
                    self._note(error, written, rule)

    def check_sizes(self, parameters: RunParameters, rule: nodes.Mapping) -> None:
        """Note a kind that is too long whatever a blob is called."""
        for kind, value in parameters.fields.items():
            if (size := least_size(kind, value)) > SIZE_LIMIT:
                place = next((key for key, _ in rule.entries if key.value == kind), rule)
                message = f"`{kind}` takes at least {size:,} bytes as JSON, and Databricks takes {SIZE_LIMIT:,}."
                self._reader.fault(message, place)

    def check_together(self, kinds: Mapping[str, WrittenKind], rule: nodes.Mapping) -> None:
        """Note two kinds that cannot stand together."""
        pair = conflict(kinds)
        if pair is None:
            return
        keys = [key for key, _ in rule.entries if key.value in pair]
        if keys:
            one, other = sorted(pair, key=lambda kind: kind == keys[-1].value)
            self._reader.fault(f"`{other}` cannot stand beside `{one}`: Databricks refuses the two together.", keys[-1])
        else:
            self._reader.fault(
                f"The defaults hold `{pair[0]}` and `{pair[1]}`, which Databricks refuses together: "
                f"say which one this rule passes, such as with `{pair[0]}: {{}}`.",
                rule,
            )

    def _refused(self, container: str | None) -> Mapping[str, str]:
        # Of a container that is not known before a blob lands, the value is "" where it has no volume.
        return {} if container is None or container in self._volumes else _without_volume(container)

    def _note(self, error: TemplateError, written: Written, rule: str) -> None:
        place = _place(written)
        if place not in self._defaults:
            self._reader.template_fault(error, written.text)
        elif place not in self._told:
            self._told.add(place)
            message = f"{error.message} (for the rule {shown(rule)})"
            self._reader.template_fault(TemplateError(message, error.column), written.text)


def _check_in_batches(template: ParameterTemplate, gather: Gathering) -> None:
    """Raise TemplateError for the first placeholder that has a value for each file, and none for their batch."""
    for name, date_format, column in template.placeholders():
        if name in OF_FILES:
            message = (
                f"`{name}` is of one file, and a rule with `gather` starts one run for many: use `gather.manifest`."
            )
            raise TemplateError(message, column)
        if name not in VALUES and not gather.is_fixed(name, date_format):
            message = f"`{name}` may not be the same for all files of a batch as it stands here: put it into `by`."
            raise TemplateError(message, column)


def _place(written: Written) -> tuple[int, int]:
    return written.text.line, written.text.column


@lru_cache(maxsize=1024)
def _without_volume(container: str) -> Mapping[str, str]:
    message = (
        f"The container {shown(container)} has no volume: write "
        f"`volumes: {{{container}: /Volumes/catalog/schema/volume}}` under `defaults`."
    )
    return {"blob.volume": message}


def _refused_in_commands(kinds: Mapping[str, CaptureKind], *, is_regex: bool) -> Mapping[str, str]:
    free = [name for name, kind in kinds.items() if is_regex or (kind.is_open and kind.read is str)]
    return {
        name: f"`{name}` may hold spaces and quotes, which would change the command: use `{{blob.https}}`, "
        "or a capture that is a number, a date or one of several words."
        for name in (*free, *(VALUES.keys() - COMMAND_VALUES))
    }
