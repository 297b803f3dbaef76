fn main() -> anyhow::Result<()> {
    platform::serve("message-log", message_log::app)
}
