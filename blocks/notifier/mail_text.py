"""A message as an e-mail: plain text, the same in HTML, the picture in it. Everything from data is only ever text."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from blocks.notifier.base import Message, is_address
from blocks.site.text import check_link, clip, one_line

PICTURE = "dashboard"


def write_mail(message: Message, sender: str) -> EmailMessage:
    """The e-mail. Its Message-ID is the same for the same news."""
    mail, domain = EmailMessage(), sender.rpartition("@")[2]
    mail["Subject"] = one_line(message.subject)
    mail["From"] = sender
    mail["To"] = message.subscriber if is_address(message.subscriber) else f"{message.subscriber}@{domain}"
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{message.name}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notice comes back
    mail.set_content(write_text(message))
    mail.add_alternative(_write_html(message), subtype="html")
    if message.picture is not None and (html := mail.get_body(("html",))):
        html.add_related(message.picture.read_bytes(), "image", "png", cid=f"<{PICTURE}>")
    return mail


def write_text(message: Message) -> str:
    """The message's paragraphs and its link, as plain text."""
    parts = [*message.lines, check_link(message.url) or "", message.foot]
    return "\n\n".join(clip(part, 2000) for part in parts if part) + "\n"


def _write_html(message: Message) -> str:
    lines = "".join(
        f"<p>{'<br>'.join(map(escape, clip(line, 2000).splitlines()))}</p>" for line in message.lines
    )
    link = check_link(message.url)
    link = f'<p><a href="{escape(link)}">Open the dashboard</a></p>' if link else ""
    picture = (
        f'<p><img src="cid:{PICTURE}" alt="The dashboard" style="max-width: 100%"></p>'
        if message.picture
        else ""
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"></head>'
        f'<body style="font-family: sans-serif">{lines}{link}{picture}'
        f'<p style="font-size: smaller; opacity: 0.7">{escape(clip(message.foot, 2000))}</p></body></html>'
    )
