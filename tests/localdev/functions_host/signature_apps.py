"""Small apps of right and wrong signatures: each fits its bindings, or the worker refuses to load it."""

from __future__ import annotations

from dataclasses import dataclass

HEADER = """
import collections.abc, typing
from typing import Annotated, Any, List, Literal, Optional
import azure.functions as func
app = func.FunctionApp()
"""

EVENT = '@app.event_grid_trigger(arg_name="event")\n'
TIMER = '@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")\n'
QUEUE = '@app.queue_trigger(arg_name="message", queue_name="q", connection="C")\n'
ROUTE = "@app.route()\n"
OUT = '@app.queue_output(arg_name="out", queue_name="q", connection="C")\n'
RETURN = '@app.queue_output(arg_name="$return", queue_name="q", connection="C")\n'
CONTEXT = "class Context: pass\n"
OTHER_OUT = "class Out: pass\n"
BARE = "# no function\n"


@dataclass(frozen=True)
class SignatureApp:
    """One app: its decorators and function, and whether the worker loads it."""

    name: str
    source: str
    loads: bool

    @property
    def text(self) -> str:
        """Return the whole function_app.py."""
        return HEADER + self.source


def _apps(loads: bool, **sources: str) -> list[SignatureApp]:  # noqa: FBT001 - reads like the verdict it is
    return [SignatureApp(name, source + "\n", loads) for name, source in sources.items()]


RIGHT = _apps(
    loads=True,
    event_grid_event=EVENT + "def f(event: func.EventGridEvent): pass",
    cloud_event=EVENT + "async def f(event: func.CloudEvent) -> None: pass",
    event_as_text=EVENT + "def f(event: str): pass",
    event_as_bytes=EVENT + "def f(event: bytes): pass",
    event_not_annotated=EVENT + "def f(event): pass",
    event_annotation_as_text=EVENT + "def f(event: 'func.EventGridEvent'): pass",
    event_annotated_twice=EVENT + "def f(event: Annotated[func.EventGridEvent, 'x']): pass",
    event_returning_annotated=EVENT + "def f(event: str) -> dict: pass",
    event_with_unknown_option='@app.event_grid_trigger(arg_name="event", cardinality="many")\ndef f(event: str): pass',
    context_annotated=EVENT + "def f(event: str, context: func.Context): pass",
    context_not_annotated=EVENT + "def f(event: str, context): pass",
    context_of_that_name=CONTEXT + EVENT + "def f(event: str, context: Context): pass",
    trigger_called_context='@app.event_grid_trigger(arg_name="context")\ndef f(context: str): pass',
    keyword_only=EVENT + "def f(*, event: str): pass",
    with_default=EVENT + "def f(event: str = ''): pass",
    timer_request=TIMER + "def f(timer: func.TimerRequest) -> None: pass",
    timer_as_text=TIMER + "async def f(timer: str): pass",
    queue_message=QUEUE + "def f(message: func.QueueMessage): pass",
    queue_as_text=QUEUE + "def f(message: str): pass",
    http=ROUTE + "def f(req: func.HttpRequest) -> func.HttpResponse: pass",
    http_as_text=ROUTE + "def f(req: func.HttpRequest) -> str: pass",
    http_not_annotated=ROUTE + "def f(req): pass",
    http_request_as_text=ROUTE + "def f(req: str) -> str: pass",
    out_text=EVENT + OUT + "def f(event: str, out: func.Out[str]): pass",
    out_bytes=EVENT + OUT + "def f(event: str, out: func.Out[bytes]): pass",
    out_message=EVENT + OUT + "def f(event: str, out: func.Out[func.QueueMessage]): pass",
    out_list=EVENT + OUT + "def f(event: str, out: func.Out[typing.List[str]]): pass",
    out_iterable=EVENT + OUT + "def f(event: str, out: func.Out[typing.Iterable[str]]): pass",
    out_not_annotated=EVENT + OUT + "def f(event: str, out): pass",
    two_outs=EVENT + OUT + OUT.replace('"out"', '"more"') + "def f(event: str, out: func.Out[str], more): pass",
    return_text=EVENT + RETURN + "def f(event: str) -> str: pass",
    return_bytes=EVENT + RETURN + "def f(event: str) -> bytes: pass",
    return_message=EVENT + RETURN + "def f(event: str) -> func.QueueMessage: pass",
    return_not_annotated=EVENT + RETURN + "def f(event: str): pass",
    retry_fixed=TIMER
    + '@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:05")\ndef f(timer): pass',
    retry_exponential=TIMER
    + '@app.retry(strategy="exponential_backoff", max_retry_count="3", minimum_interval="00:00:01",'
    + ' maximum_interval="00:01:00")\ndef f(timer): pass',
    named=EVENT.replace("@app", '@app.function_name("other")\n@app', 1) + "def f(event: str): pass",
    two_functions=EVENT + "def f(event: str): pass\n" + TIMER + "def g(timer: func.TimerRequest): pass",
    no_functions=BARE,
)

WRONG = _apps(
    loads=False,
    event_optional=EVENT + "def f(event: Optional[func.EventGridEvent]): pass",
    event_or_none=EVENT + "def f(event: func.EventGridEvent | None): pass",
    event_list=EVENT + "def f(event: list[func.EventGridEvent]): pass",
    event_typing_list=EVENT + "def f(event: List[func.EventGridEvent]): pass",
    event_dict=EVENT + "def f(event: dict): pass",
    event_any=EVENT + "def f(event: Any): pass",
    event_none=EVENT + "def f(event: None): pass",
    event_literal=EVENT + "def f(event: Literal['x']): pass",
    event_tuple=EVENT + "def f(event: typing.Tuple[str]): pass",
    event_callable=EVENT + "def f(event: typing.Callable[[], str]): pass",
    event_type_variable=EVENT + "def f(event: typing.AnyStr): pass",
    event_value=EVENT + "def f(event: 3): pass",
    event_unknown_name=EVENT + "def f(event: 'Nowhere'): pass",
    event_timer=EVENT + "def f(event: func.TimerRequest): pass",
    event_out=EVENT + "def f(event: func.Out[str]): pass",
    other_name=EVENT + "def f(evt: str): pass",
    no_parameter=EVENT + "def f(): pass",
    extra_parameter=EVENT + "def f(event: str, more: int): pass",
    extra_with_default=EVENT + "def f(event: str, more: int = 1): pass",
    star_arguments=EVENT + "def f(event: str, *rest): pass",
    star_keywords=EVENT + "def f(event: str, **rest): pass",
    context_wrong=EVENT + "def f(event: str, context: dict): pass",
    context_as_value=EVENT + "def f(event: str, context: Optional[func.Context]): pass",
    timer_event=TIMER + "def f(timer: func.EventGridEvent): pass",
    timer_int=TIMER + "def f(timer: int): pass",
    queue_list=QUEUE + "def f(message: List[func.QueueMessage]): pass",
    queue_dict=QUEUE + "def f(message: dict): pass",
    http_dict=ROUTE + "def f(req: func.HttpRequest) -> dict: pass",
    http_none=ROUTE + "def f(req: func.HttpRequest) -> None: pass",
    http_or_none=ROUTE + "def f(req: func.HttpRequest) -> func.HttpResponse | None: pass",
    http_optional=ROUTE + "def f(req: func.HttpRequest) -> Optional[func.HttpResponse]: pass",
    http_bytes=ROUTE + "def f(req: func.HttpRequest) -> bytes: pass",
    http_out=ROUTE + "def f(req: func.HttpRequest) -> func.Out[str]: pass",
    http_event=ROUTE + "def f(req: func.EventGridEvent) -> str: pass",
    out_builtin_list=EVENT + OUT + "def f(event: str, out: func.Out[list[str]]): pass",
    out_list_of_messages=EVENT + OUT + "def f(event: str, out: func.Out[List[func.QueueMessage]]): pass",
    out_dict=EVENT + OUT + "def f(event: str, out: func.Out[dict]): pass",
    out_int=EVENT + OUT + "def f(event: str, out: func.Out[int]): pass",
    out_of_nothing=EVENT + OUT + "def f(event: str, out: func.Out): pass",
    out_optional=EVENT + OUT + "def f(event: str, out: func.Out[Optional[str]]): pass",
    out_missing=EVENT + OUT + "def f(event: str): pass",
    out_as_text=EVENT + OUT + "def f(event: str, out: str): pass",
    out_of_that_name=OTHER_OUT + EVENT + OUT + "def f(event: str, out: Out): pass",
    return_int=EVENT + RETURN + "def f(event: str) -> int: pass",
    return_none=EVENT + RETURN + "def f(event: str) -> None: pass",
    return_list=EVENT + RETURN + "def f(event: str) -> list[str]: pass",
    return_typing_list=EVENT + RETURN + "def f(event: str) -> List[str]: pass",
    return_parameter=EVENT + RETURN + "def f(event: str, ret: func.Out[str]): pass",
    retry_not_a_number=TIMER
    + '@app.retry(strategy="fixed_delay", max_retry_count="many", delay_interval="00:00:05")\ndef f(timer): pass',
    retry_without_delay=TIMER + '@app.retry(strategy="fixed_delay", max_retry_count="3")\ndef f(timer): pass',
    retry_not_an_interval=TIMER
    + '@app.retry(strategy="exponential_backoff", max_retry_count="3", minimum_interval="5s")\ndef f(timer): pass',
    no_trigger=OUT + "def f(out: func.Out[str]): pass",
    same_name_twice=EVENT + "def f(event: str): pass\n" + EVENT + "def f(event: str): pass",
    two_triggers=EVENT + TIMER + "def f(event: str, timer: func.TimerRequest): pass",
    registered_twice="bp = func.Blueprint()\n"
    + EVENT.replace("@app", "@bp")
    + "def f(event: str): pass\napp.register_functions(bp)\napp.register_functions(bp)",
    two_apps="other = func.FunctionApp()\n" + EVENT + "def f(event: str): pass",
    no_app="del app",
    import_missing="import no_such_module_anywhere",
    import_raises="raise RuntimeError('at import')",
    syntax_error="def f(:",
)

APPS = [*RIGHT, *WRONG]
