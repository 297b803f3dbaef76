//! The rules of masking, a file for each kind of evidence.

mod chats;
mod clean;
mod countries;
mod documentation;
mod forms;
mod generate;
mod held_out;
mod held_out_chat;
mod held_out_clean;
mod held_out_code;
mod held_out_code_clean;
mod held_out_contact;
mod held_out_countries;
mod json;
mod judge;
mod near_misses;
mod objects;
mod placeholders;
mod properties;
mod recall;
mod secrets;
mod spellings;
mod statements;
