"""Mutants of gathering: who is in a batch, and what its manifest says."""

from __future__ import annotations

from tests.mutants.mutant import Change, Mutant, Search, Simulation, Suite

_TWO_FILES, _ARRIVING = Search("sealing: two passes over two files"), Search("sealing: two passes, a second")

GATHERING = (
    Mutant(
        "sealed-unread",
        "a manifest lists who was to be assigned, and the members are not read again",
        (
            Change(
                "shared.gather.sealer",
                "await self.members.of_batch(group, batch)",
                "[*ripe, *await self.members.read(group.assigned)]",
            ),
        ),
        Simulation(frozenset({"gather", "slow", "freeze", "timer-double"}), arrivals=300),
    ),
    Mutant(
        "strays-stay",
        "who was assigned to a sealed batch and is not in its manifest stays there",
        (
            Change(
                "shared.gather.sealer",
                'elif await self.members.change(entry, batch=""):',
                'elif entry.batch == "":',
            ),
        ),
        Simulation(frozenset({"gather", "slow", "freeze", "timer-double"}), arrivals=300),
    ),
    Mutant(
        "own-manifest-believed",
        "who comes too late with a manifest goes by its own, and not by the one that is there",
        (
            Change(
                "shared.gather.sealer",
                "return await self._sealed(manifest.rule, manifest.batch) or manifest",
                "return manifest",
            ),
        ),
        _ARRIVING,
    ),
    Mutant(
        "closed-before-claimed",
        "members are closed before their batch is claimed",
        (
            Change(
                "shared.gather.sealer",
                "        if manifest.files:\n"
                '            counts["sealed"] += await self._start(batch, manifest, deadline)\n',
                "",
            ),
            Change(
                "shared.gather.sealer",
                "        await self.members.each(members, conclude, deadline)\n        return counts\n",
                "        await self.members.each(members, conclude, deadline)\n"
                "        if manifest.files:\n"
                '            counts["sealed"] += await self._start(batch, manifest, deadline)\n'
                "        return counts\n",
            ),
        ),
        _TWO_FILES,
    ),
    Mutant(
        "batch-named-again",
        "a batch is called as one that was sealed before",
        (
            Change(
                "shared.gather.sealer",
                'f"{rule.ledger_name} {oldest.key} {oldest.nonce}"',
                'f"{rule.ledger_name} {oldest.key}"',
            ),
        ),
        Suite(
            "tests/shared/gather/test_gather.py::test_replayed_member_of_a_failed_batch_goes_to_a_new_one",
            "only who was in a batch before can be the oldest of another one",
        ),
    ),
)
