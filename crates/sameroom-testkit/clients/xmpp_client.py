"""A person in XMPP rooms for tests: one slixmpp client, driven over standard input and output.

Each line in is a JSON object {"id": n, "do": "...", ...}; each line out is either its answer
{"id": n, "ok": value} or {"id": n, "error": "..."}, or something that came: {"came": "message" | "presence", ...}.
"""

import asyncio
import json
import logging
import sys
import urllib.request
from xml.etree import ElementTree

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.stanzabase import tostring

PLUGINS = [
    "xep_0030", "xep_0045", "xep_0054", "xep_0066", "xep_0085", "xep_0199", "xep_0249", "xep_0308", "xep_0359",
    "xep_0421", "xep_0424", "xep_0425", "xep_0428", "xep_0444", "xep_0461", "xep_0334", "xep_0153",
]
CLIENT = "{jabber:client}"
UPLOAD = "{urn:xmpp:http:upload:0}"


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


class Person(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password)
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.up = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("failed_all_auth", lambda _: self.fail("refused"))
        self.add_event_handler("connection_failed", lambda why: self.fail(str(why)))
        self.register_handler(slixmpp.Callback("all messages", slixmpp.StanzaPath("message"), self.on_message))
        self.register_handler(slixmpp.Callback("all presence", slixmpp.StanzaPath("presence"), self.on_presence))

    def fail(self, why):
        if not self.up.done():
            self.up.set_exception(RuntimeError(why))

    def on_start(self, _):
        self.send_presence()
        if not self.up.done():
            self.up.set_result(True)

    def on_message(self, message):
        xml = message.xml

        def find(path, attribute=None):
            found = xml.find(path)
            if found is None:
                return None
            return found.get(attribute) if attribute else (found.text or "")

        reactions = xml.find("{urn:xmpp:reactions:0}reactions")
        say({
            "came": "message",
            "type": xml.get("type"),
            "from": str(message["from"]),
            "stanza": xml.get("id"),
            "body": find(CLIENT + "body"),
            "subject": find(CLIENT + "subject"),
            "archive": find("{urn:xmpp:sid:0}stanza-id", "id"),
            "origin": find("{urn:xmpp:sid:0}origin-id", "id"),
            "replaces": find("{urn:xmpp:message-correct:0}replace", "id"),
            "retracts": find("{urn:xmpp:message-retract:1}retract", "id"),
            "retracts_old": find("{urn:xmpp:fasten:0}apply-to", "id"),
            "answers": find("{urn:xmpp:reply:0}reply", "id"),
            "stripped": self.stripped(message),
            "url": find("{jabber:x:oob}x/{jabber:x:oob}url"),
            "unstyled": xml.find("{urn:xmpp:styling:0}unstyled") is not None,
            "delayed": xml.find("{urn:xmpp:delay}delay") is not None,
            "reacts": reactions.get("id") if reactions is not None else None,
            "emoji": [child.text for child in reactions] if reactions is not None else [],
            "xml": tostring(xml),
        })

    @staticmethod
    def stripped(message):
        body = message["body"]
        if message.xml.find("{urn:xmpp:reply:0}reply") is None:
            return body
        return message["reply"].strip_fallback_content()

    def on_presence(self, presence):
        codes = [status.get("code") for status in presence.xml.iter("{http://jabber.org/protocol/muc#user}status")]
        say({
            "came": "presence",
            "type": presence.xml.get("type"),
            "from": str(presence["from"]),
            "codes": codes,
            "xml": tostring(presence.xml),
        })

    def open(self, to, kind, body=None):
        message = self.make_message(mto=to, mbody=body, mtype=kind)
        message["id"] = self.new_id()
        message["origin_id"]["id"] = message["id"]
        return message

    def sent(self, message):
        message.send()
        return message["id"]

    async def do_join(self, room, nick, history="0", password=None):
        await self.plugin["xep_0045"].join_muc_wait(
            slixmpp.JID(room), nick, maxstanzas=int(history), password=password, timeout=20
        )
        return True

    async def do_unlock(self, room):
        form = self.plugin["xep_0004"].make_form("submit")
        await self.plugin["xep_0045"].set_room_config(slixmpp.JID(room), form)
        return True

    async def do_configure(self, room, fields):
        form = self.plugin["xep_0004"].make_form("submit")
        form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/muc#roomconfig")
        for name, value in fields.items():
            form.add_field(var=name, value=value)
        await self.plugin["xep_0045"].set_room_config(slixmpp.JID(room), form)
        return True

    async def do_leave(self, room, nick):
        self.plugin["xep_0045"].leave_muc(slixmpp.JID(room), nick)
        return True

    async def do_nick(self, room, nick):
        await self.plugin["xep_0045"].set_self_nick(slixmpp.JID(room), nick, timeout=20)
        return True

    async def do_post(self, to, body, kind="groupchat"):
        return self.sent(self.open(to, kind, body))

    async def do_reply(self, to, body, target, author, quote):
        message = self.open(to, "groupchat", body)
        message["reply"]["id"] = target
        message["reply"]["to"] = author
        message["reply"].add_quoted_fallback(quote)
        return self.sent(message)

    async def do_edit(self, to, body, target, kind="groupchat"):
        message = self.open(to, kind, body)
        message["replace"]["id"] = target
        return self.sent(message)

    async def do_retract(self, to, target, kind="groupchat"):
        return self.plugin["xep_0424"].send_retraction(slixmpp.JID(to), target, kind)["id"]

    async def do_moderate(self, room, target, reason=""):
        await self.plugin["xep_0425"].moderate(slixmpp.JID(room), target, reason)
        return True

    async def do_react(self, to, target, emoji):
        message = self.open(to, "groupchat")
        self.plugin["xep_0444"].set_reactions(message, target, emoji)
        message.enable("store")
        return self.sent(message)

    async def do_typing(self, to):
        message = self.open(to, "groupchat")
        message["chat_state"] = "composing"
        return self.sent(message)

    async def do_kick(self, room, nick, reason=""):
        await self.plugin["xep_0045"].set_role(slixmpp.JID(room), nick, "none", reason=reason)
        return True

    async def do_affiliate(self, room, jid, affiliation):
        await self.plugin["xep_0045"].set_affiliation(slixmpp.JID(room), affiliation, jid=jid)
        return True

    async def do_role(self, room, nick, role):
        await self.plugin["xep_0045"].set_role(slixmpp.JID(room), nick, role)
        return True

    async def do_destroy(self, room, reason=""):
        await self.plugin["xep_0045"].destroy(slixmpp.JID(room), reason)
        return True

    async def do_invite(self, room, jid, direct=False):
        if direct:
            self.plugin["xep_0249"].send_invitation(slixmpp.JID(jid), slixmpp.JID(room))
        else:
            self.plugin["xep_0045"].invite(slixmpp.JID(room), slixmpp.JID(jid))
        return True

    async def do_upload(self, service, to, name, content):
        body = content.encode()
        iq = self.make_iq_get(ito=slixmpp.JID(service))
        asked = {"filename": name, "size": str(len(body)), "content-type": "text/plain"}
        iq.xml.append(ElementTree.Element(UPLOAD + "request", asked))
        slot = (await iq.send()).xml.find(UPLOAD + "slot")
        put = slot.find(UPLOAD + "put").get("url")
        headers = {header.get("name"): header.text for header in slot.iter(UPLOAD + "header")}
        link = slot.find(UPLOAD + "get").get("url")
        headers["Content-Type"] = "text/plain"
        request = urllib.request.Request(put, data=body, headers=headers, method="PUT")
        await asyncio.get_running_loop().run_in_executor(None, urllib.request.urlopen, request)
        message = self.open(to, "groupchat", link)
        message["oob"]["url"] = link
        return self.sent(message)

    async def do_avatar(self, mime, content):
        card = self.plugin["xep_0054"].make_vcard()
        card["PHOTO"]["TYPE"] = mime
        card["PHOTO"]["BINVAL"] = bytes.fromhex(content)
        await self.plugin["xep_0153"].set_avatar(avatar=bytes.fromhex(content), mtype=mime)
        return True

    async def do_raw(self, xml):
        self.send_raw(xml)
        return True

    async def do_quit(self):
        await self.disconnect(wait=1)
        return True


async def serve():
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    person = None
    tasks = set()

    async def answer(number, work):
        try:
            say({"id": number, "ok": await work})
        except (IqError, IqTimeout) as error:
            condition = error.iq["error"]["condition"] if isinstance(error, IqError) else "timeout"
            say({"id": number, "error": condition})
        except Exception as error:  # whatever it is, the test that asked should see it
            say({"id": number, "error": f"{type(error).__name__}: {error}"})

    while line := await reader.readline():
        asked = json.loads(line)
        number, what = asked.pop("id"), asked.pop("do")
        if what == "connect":
            person = Person(asked["jid"], asked["password"])
            person.enable_plaintext = not asked.get("tls", False)
            person.enable_starttls = asked.get("tls", False)
            person.enable_direct_tls = False
            person.plugin["feature_mechanisms"].unencrypted_scram = True
            person.plugin["feature_mechanisms"].unencrypted_plain = True
            if asked.get("tls", False):
                person.ssl_context.check_hostname = False
                person.ssl_context.verify_mode = 0
            person.connect(asked["host"], asked["port"])
            work = asyncio.wait_for(person.up, 20)
        else:
            work = getattr(person, "do_" + what)(**asked)
        task = asyncio.create_task(answer(number, work))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if what in ("connect", "quit"):
            await task
        if what == "quit":
            return


asyncio.run(serve())
