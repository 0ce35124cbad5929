"""Messages as mail programs find them: files of the folder's twin, and what a real client hands to a mail server."""

from __future__ import annotations

import socket
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import Forbidden, Misconfigured, PlatformError, Rejected, Unauthorized, Unavailable
from blocks.notifier.base import Message, Notifier
from blocks.notifier.files.notifier import FolderNotifier
from blocks.notifier.mail.notifier import MailNotifier
from tests.blocks.notifier.smtp_server import Mailbox, serving_mail

PNG = b"\x89PNG\r\n\x1a\n picture"
TOPSECRET = "topsecret-17"
HOSTILE = "x\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script>\u202e"


def message(tmp_path: Path, subscriber: str = "dana@example.com", **fields: Any) -> Message:
    picture = tmp_path / "p.png"
    picture.write_bytes(PNG)
    given = {
        "name": "abc-1",
        "subscriber": subscriber,
        "subject": "Sales: new figures",
        "lines": ("Net revenue: £1.2M (+3.2%)\nOrders: 7", "A <b> & a run."),
        "foot": "You are a subscriber.",
        "url": "https://site.example/sales/",
        "picture": picture,
    }
    return Message(**(given | fields))


def sender(box: Mailbox, **fields: Any) -> MailNotifier:
    given = {
        "host": "127.0.0.1",
        "port": box.port,
        "security": "none",
        "sender": "bot@example.com",
        "recipients": ["*@example.com"],
    }
    return MailNotifier(**(given | fields))


def read_file(folder: Path) -> EmailMessage:
    (path,) = folder.iterdir()
    found = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


@pytest.fixture(params=["folder", "mail"])
def sent(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Send a message by each notifier; return the mail that came out."""

    def send(**fields: Any) -> EmailMessage:
        if request.param == "folder":
            notifier: Notifier = FolderNotifier(folder=tmp_path / "outbox")
            notifier.send(message(tmp_path, **fields))
            return read_file(tmp_path / "outbox")
        with serving_mail() as box:
            sender(box).send(message(tmp_path, **fields))
            ((envelope, recipients, mail),) = box.taken
        assert "<bot@example.com>" in envelope
        assert recipients == ["dana@example.com"]
        return mail

    return send


def test_a_message_is_text_and_the_same_in_html_with_the_picture(sent: Any) -> None:
    mail = sent()
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert (
        text.get_content()
        .replace("\r\n", "\n")
        .startswith("Net revenue: £1.2M (+3.2%)\nOrders: 7\n\nA <b> & a run.")
    )
    assert "https://site.example/sales/" in text.get_content()
    assert "Orders: 7</p>" in html.get_content()
    assert "A &lt;b&gt; &amp; a run." in html.get_content()
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == PNG
    assert f"cid:{picture['Content-ID'].strip('<>')}" in html.get_content()
    assert mail["To"] == "dana@example.com"
    assert mail["Message-ID"].startswith("<abc-1@")
    assert mail["Auto-Submitted"] == "auto-generated"


def test_hostile_text_is_only_ever_text(sent: Any) -> None:
    mail = sent(subject=HOSTILE, lines=(HOSTILE,), foot=HOSTILE, url="javascript:alert(1)", picture=None)
    assert mail["Bcc"] is None
    assert mail["To"] == "dana@example.com"
    html = mail.get_body(("html",)).get_content()
    assert "<script" not in html
    assert "javascript:" not in html
    assert "<img" not in html


def test_the_same_news_again_replaces_its_file(tmp_path: Path) -> None:
    notifier = FolderNotifier(folder=tmp_path / "outbox")
    notifier.send(message(tmp_path))
    notifier.send(message(tmp_path, subject="Again"))
    assert read_file(tmp_path / "outbox")["Subject"] == "Again"
    assert "not sent" in notifier.check()


def test_only_allowed_addresses_and_known_channels_are_told(tmp_path: Path) -> None:
    with serving_mail() as box:
        notifier = sender(box, channels={"sales": "slack-webhook/sales"})
        assert notifier.find_fault("Dana@Example.com") == ""
        assert notifier.find_fault("sales") == ""
        assert "*@example.com" in notifier.find_fault("dana@example.com.evil.example")
        assert "known: sales" in notifier.find_fault("board")
        with pytest.raises(Forbidden) as caught:
            notifier.send(message(tmp_path, "eve@evil.example"))
        assert box.taken == []
    assert "evil" not in str(caught.value)
    assert "none" in sender(box, recipients=[]).find_fault("dana@example.com")


@pytest.mark.parametrize("password", [TOPSECRET, "Pässwort-17"])
def test_a_login_is_asked_for_and_no_secret_is_shown(tmp_path: Path, password: str) -> None:
    with serving_mail(login=("bot", password)) as box:
        good = sender(box, username="bot", password=password)
        assert password not in good.check() + repr(good)
        good.send(message(tmp_path))
        assert len(box.taken) == 1
        with pytest.raises(Unauthorized, match="refused the login") as caught:
            sender(box, username="bot", password=f"wrong-{password}").check()
        assert "wrong-" not in str(caught.value)
        assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("450 4.2.1 later, dana@example.com", Unavailable), ("550 5.1.1 dana@example.com?", Rejected)],
)
def test_what_a_server_refuses_is_told_without_the_address(
    answer: str, kind: type[PlatformError], tmp_path: Path
) -> None:
    with serving_mail(refused={"dana@example.com": answer}) as box, pytest.raises(kind) as caught:
        sender(box).send(message(tmp_path))
    assert answer[:3] in str(caught.value)
    assert "dana" not in str(caught.value)
    assert caught.value.__context__ is None


def test_encryption_that_is_asked_for_is_not_left_out(tmp_path: Path) -> None:
    with serving_mail() as box:
        with pytest.raises(Misconfigured, match="STARTTLS"):
            sender(box, security="starttls").send(message(tmp_path))
        assert box.taken == []


def test_no_server_is_no_answer(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
        sender(Mailbox(port=port)).send(message(tmp_path))


def test_a_channel_is_told_through_its_saved_block(prefect_server: str, tmp_path: Path) -> None:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    from tests.deployment.receiver import Receiver

    with Receiver() as receiver, serving_mail() as box:
        CustomWebhookNotificationBlock(
            name="x", url=receiver.url, json_data={"text": "{{subject}} {{body}}"}
        ).save("sales", overwrite=True)
        notifier = sender(box, channels={"sales": "custom-webhook/sales"})
        assert "1 channels" in notifier.check()
        notifier.send(message(tmp_path, "sales"))
        assert "Sales: new figures" in receiver.texts()
        assert "Net revenue" in receiver.texts()
    with pytest.raises(Unavailable, match="custom-webhook/sales"):
        notifier.send(message(tmp_path, "sales"))
