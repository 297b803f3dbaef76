//! The rules of message-log, a folder for each thing it does.

mod mask;
