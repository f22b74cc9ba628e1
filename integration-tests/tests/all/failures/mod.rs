//! Machines that fail without dying: frozen ones, and full ones.

mod frozen;
mod full;
mod machine;
mod sequences;
