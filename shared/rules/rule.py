"""A rule, and what comes of one that an arrival is for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from shared.model import ENTRY_PARAMETER, Arrival, JobReference
from shared.parameters import Context, Locations, ParameterTemplate
from shared.path_template import Captures, Mismatch, PathTemplate
from shared.wording import shown


@dataclass(frozen=True, slots=True)
class Rule:
    """A named path template, the job it starts and the parameters it passes."""

    name: str
    path: PathTemplate
    exclude: tuple[PathTemplate, ...]
    job: JobReference
    notebook_params: tuple[tuple[str, ParameterTemplate], ...]
    description: str = ""
    line: int = 0  # in the rules file

    def match(self, full_path: str) -> Captures | Mismatch:
        """Return what the rule captures from `container/path`, or why it is not for it; other rules do not matter."""
        captures = self.path.match(full_path)
        if isinstance(captures, Captures):
            for template in self.exclude:
                if isinstance(template.match(full_path), Captures):
                    return Mismatch(partial("excluded by {}".format, shown(template.text)))
        return captures


@dataclass(frozen=True, slots=True)
class Match:
    """An arrival paired with a rule."""

    rule: Rule
    arrival: Arrival
    captures: Captures

    def render(self, locations: Locations, key: str) -> dict[str, str]:
        """Return the parameters of the run for the entry `key`; `landfall_entry` is among them."""
        context = Context(
            rule=self.rule.name, key=key, arrival=self.arrival, captures=self.captures, locations=locations
        )
        parameters = {name: template.render(context) for name, template in self.rule.notebook_params}
        return {**parameters, ENTRY_PARAMETER: key}
