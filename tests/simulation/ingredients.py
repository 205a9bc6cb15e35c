"""What a history may be made of. Each seed takes a random part of it (swarm testing): together, faults hide each other.

https://users.cs.utah.edu/~regehr/papers/swarm12.pdf
"""

from __future__ import annotations

from enum import StrEnum


class Ingredient(StrEnum):
    """A kind of fault, or of work."""

    # Any I/O of a worker.
    REJECT = "reject"  # it fails without an effect
    LOSE_ANSWER = "lose-answer"  # it has its effect and fails
    REPEAT = "repeat"  # the client sends it twice and answers with the second
    SLOW = "slow"  # it takes up to 90 s; whoever has given it up cannot call it back
    CRASH = "crash"  # the worker dies before or after it
    FREEZE = "freeze"  # the worker stands still for up to 90 s: a zombie
    SKEW = "skew"  # workers' clocks are some seconds wrong
    # Services.
    THROTTLE = "throttle"  # Databricks answers 429 for a while, with and without Retry-After
    DATABRICKS_DOWN = "databricks-down"
    LEDGER_DOWN = "ledger-down"
    LISTING_DOWN = "listing-down"  # of one container
    JOB_MISSING = "job-missing"  # for a while, which trips a breaker
    UNAUTHORISED = "unauthorised"  # the same
    REFUSED = "refused"  # run-now refuses a request for what it says, once or for good
    SKIPPED_RUNS = "skipped-runs"  # runs that never ran
    FAILED_RUNS = "failed-runs"
    DELETED_RUNS = "deleted-runs"
    # Event Grid.
    LOST_EVENTS = "lost-events"
    DUPLICATE_EVENTS = "duplicate-events"
    LATE_EVENTS = "late-events"
    BATCHES = "batches"  # several events in one payload
    DEAD_LETTERS = "dead-letters"
    # The platform.
    TIMER_LATE = "timer-late"
    TIMER_DOUBLE = "timer-double"
    TIMER_DEAD = "timer-dead"  # for up to an hour
    DEPLOYS = "deploys"
    QUEUE_SWEEPS = "queue-sweeps"  # each round is shared over the queue
    SMALL_PAGES = "small-pages"  # of listings
    # People.
    OVERWRITES = "overwrites"
    SAME_CONTENT = "same-content"
    TOUCHES = "touches"
    DELETES = "deletes"
    RENAMES = "renames"
    BLOCK_UPLOADS = "block-uploads"  # without an MD5
    RULE_EDITS = "rule-edits"
    REPLAYS = "replays"
    BACKFILLS = "backfills"
    PRUNES = "prunes"  # and days without a file
    LIMITS = "limits"  # a rule may start a few runs a minute, and the others of its files wait
    GATHER = "gather"  # rules start one run for many files: for batches, and for sets of expected files
    IGNORED_OVERWRITES = "ignored-overwrites"  # some rules start nothing for them
    SHADOWS = "shadows"  # a rule beside the others that records, and starts nothing
    SLUGGISH = "sluggish"  # Databricks takes seconds for every answer


# Only in histories that ask for them.
ASKED_FOR = frozenset({Ingredient.SLUGGISH})
# What may make anything wait for longer than crashes and lost events do: their histories are left out of the bounds.
DELAYING = frozenset(
    {
        Ingredient.THROTTLE,
        Ingredient.DATABRICKS_DOWN,
        Ingredient.LEDGER_DOWN,
        Ingredient.LISTING_DOWN,
        Ingredient.JOB_MISSING,
        Ingredient.UNAUTHORISED,
        Ingredient.REFUSED,
        Ingredient.SKIPPED_RUNS,
        Ingredient.TIMER_LATE,
        Ingredient.TIMER_DEAD,
        Ingredient.FREEZE,
        Ingredient.RULE_EDITS,
        Ingredient.PRUNES,
        Ingredient.LIMITS,
    }
)
# With nothing but these a lost event is found within twelve minutes.
HARMLESS = frozenset(
    {
        Ingredient.LOST_EVENTS,
        Ingredient.DUPLICATE_EVENTS,
        Ingredient.LATE_EVENTS,
        Ingredient.BATCHES,
        Ingredient.OVERWRITES,
        Ingredient.FAILED_RUNS,
        Ingredient.SKEW,
        Ingredient.TIMER_DOUBLE,
    }
)
