//! Compiles the policy into the Worker.

#[path = "../shared/embed_policy.rs"]
mod embed_policy;

fn main() {
    embed_policy::embed(|policy| policy);
}
