//! Conversations in, once, masked: what is stored of a message is what `mask` made of it.

pub mod mask;
