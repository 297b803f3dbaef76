mod clean;
mod forms;
mod generate;
mod held_out;
mod judge;
mod recall;
