fn main() -> anyhow::Result<()> {
    shared::serve("message-log", message_log::app)
}
