"""The Litestar application: routes, errors and documentation around the services it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from litestar import Litestar
from litestar.di import Provide

from server.api.alerts import AlertRoutes
from server.api.browsers import settings_route
from server.api.chat import chat_routes
from server.api.contacts import ContactRoutes
from server.api.deliveries import DeliveryRoutes
from server.api.documentation import OPENAPI, describing
from server.api.ingest import IngestRoutes
from server.api.mail_links import MailLinkRoutes
from server.api.mail_reports import MailReportRoutes
from server.api.mailbox import mailbox_routes
from server.api.measure import measuring
from server.api.messages import MessageRoutes
from server.api.operation import health, health_head, metrics_route, ready, ready_head
from server.api.previews import PreviewRoutes
from server.api.problems import EXCEPTION_HANDLERS
from server.api.rejected import RejectedRoutes
from server.api.rulebook import RulebookRoutes
from server.api.scenarios import ScenarioRoutes
from server.api.segments import ListRoutes, SegmentRoutes
from server.api.site import SITE_ROUTES
from server.api.visitor import visitor
from server.api.wiring import Bot, Services, actor_of
from server.channels.mail_files import MailFiles
from server.metrics import Metrics

__all__ = ["create_app"]

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


def create_app(
    services: Services,
    *,
    bots: Mapping[str, Bot] | None = None,
    metrics: Metrics | None = None,
    public_url: str = "",
    body_seconds: float = 10.0,
    mails: MailFiles | None = None,
    lifespan: Sequence[Lifespan] = (),
) -> Litestar:
    """The application on these services.

    `bots` take the requests of `/slack` and `/telegram`; `metrics` are shown at `/metrics`; `public_url` is where
    browsers reach the application; `mails` are shown at `/mailbox`; `body_seconds` is how long the body of an event may
    take; `lifespan` holds what is to run while it serves.
    """
    metrics = metrics or Metrics()
    ingest = IngestRoutes(services.ingest, services.sources, metrics, seconds=body_seconds)

    def given() -> Services:
        return services

    app = Litestar(
        route_handlers=[
            settings_route(services.sources, public_url),
            ContactRoutes,
            SegmentRoutes,
            ListRoutes,
            RulebookRoutes,
            PreviewRoutes,
            AlertRoutes,
            RejectedRoutes,
            MailLinkRoutes,
            MailReportRoutes,
            visitor,
            *SITE_ROUTES,
            ScenarioRoutes,
            DeliveryRoutes,
            MessageRoutes,
            *chat_routes(bots or {}),
            *(mailbox_routes(mails) if mails is not None else ()),
            health,
            health_head,
            ready,
            ready_head,
            metrics_route(metrics),
        ],
        dependencies={
            "services": Provide(given, sync_to_thread=False),
            "actor": Provide(actor_of(services.sources)),
        },
        middleware=[measuring(metrics)],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=list(lifespan),
        openapi_config=OPENAPI,
        logging_config=None,  # the process has its own
    )
    app.asgi_handler = ingest.before(describing(app, app.asgi_handler))
    return app
