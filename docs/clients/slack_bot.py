"""A Slack bot that answers questions about the warehouse. MetaSync finds the tables, and logs both sides.

    pip install slack_bolt
    export SLACK_BOT_TOKEN=xoxb-... SLACK_SIGNING_SECRET=...
    export METASYNC_URL=https://metasync.example.com METASYNC_TOKEN=... ROBEING=sales
    PORT=3000 python slack_bot.py

Keep metasync.py next to this file. The token needs the role `writer`, and the robeing and datasets in its scope. In
Slack, subscribe to `app_mention` and `message.im`, and give the bot the scope `chat:write`.
"""

from __future__ import annotations

import os
import re
from typing import Any, Callable, Dict

from metasync import MetaSync, MetaSyncError
from slack_bolt import App
from slack_sdk import WebClient

ROBEING = os.environ["ROBEING"]

metasync = MetaSync(os.environ["METASYNC_URL"], os.environ.get("METASYNC_TOKEN"))
slack = WebClient(
    os.environ["SLACK_BOT_TOKEN"], base_url=os.environ.get("SLACK_API_URL", WebClient.BASE_URL)
)
app = App(client=slack, signing_secret=os.environ["SLACK_SIGNING_SECRET"])


def answer(question: str, conversation: str) -> str:
    """Replace this with your model. Give it `conversation`, the last turns, and what the question needs: the result of
    `metasync.context(question)`, or the messages of `metasync.prompt(question)`. Or let MetaSync write the query with
    `metasync.sql(question)`.
    """
    context = metasync.context(question, token_budget=1000)
    tables = ", ".join(table["name"] for table in context["tables"]) or "no table"
    return f"I would look at {tables}:\n```{context['context']}```"


@app.event("app_mention")
@app.event("message")
def reply(event: Dict[str, Any], say: Callable[..., Any]) -> None:
    is_direct = event.get("channel_type") == "im"
    is_mention = event["type"] == "app_mention"
    if event.get("bot_id") or event.get("subtype") or not (is_direct or is_mention):
        return
    question = re.sub(r"<@\w+>", "", event["text"]).strip()
    thread = event.get("thread_ts", event["ts"])
    place = {
        "channel_id": event["channel"],
        "channel_type": event.get("channel_type"),
        "thread_ts": thread,
    }
    # `slack_ts` identifies a message, so that it is stored once even if Slack also sends its events to MetaSync.
    asked: Dict[str, Any] = {}
    try:
        asked = metasync.log(
            ROBEING, message=event["text"], slack_user_id=event.get("user"), slack_ts=event["ts"], **place
        )
        conversation = metasync.conversation(ROBEING, thread_ts=thread, channel_id=event["channel"])
        text = answer(question, conversation["context"])
    except MetaSyncError as error:
        app.logger.error("no answer: %s", error)
        text = "Sorry, I can't look that up right now. Please ask again in a minute."
    posted = say(text=text, thread_ts=thread)
    try:
        metasync.log(ROBEING, response=text, reply_to=asked.get("id"), slack_ts=posted["ts"], **place)
    except MetaSyncError as error:
        app.logger.error("the response is not logged: %s", error)


if __name__ == "__main__":
    app.start(port=int(os.environ.get("PORT", "3000")))
