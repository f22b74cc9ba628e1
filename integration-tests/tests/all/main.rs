//! Everything that needs more than one crate, in one program, since linking is the slow part.

mod architecture;
mod broken;
mod memory;
mod stacks;
