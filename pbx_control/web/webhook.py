"""Where Telegram brings what people write to the bot, if it is not asked for that ([telegram] webhook)."""

import json
import secrets

from starlette.requests import Request
from starlette.responses import Response

from pbx_control.web.site import site_of


async def bring(request: Request) -> Response:
    """POST /telegram. What does not come from Telegram is answered like a page that does not exist."""
    bot = site_of(request).bot
    shown = request.headers.get("x-telegram-bot-api-secret-token", "")
    if bot is None or not secrets.compare_digest(shown.encode(), bot.secret.encode()):
        return Response(status_code=404)
    try:
        told = json.loads(await request.body())
    except ValueError:
        return Response(status_code=400)
    if isinstance(told, dict):
        await bot.take(told)
    return Response(status_code=200)
