//! The migrations are part of the program: a new one has to make it anew.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
