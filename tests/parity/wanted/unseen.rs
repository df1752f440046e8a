//! Faults of the reference's that the one at hand doesn't show, whose better answer a test of zendo's own holds.

use std::path::Path;

/// Such a fault.
struct Unseen {
    fault: &'static str,
    /// Why the comparison meets no difference.
    reason: &'static str,
    /// The file of the suite and the test in it.
    test: (&'static str, &'static str),
}

const UNSEEN: [Unseen; 1] = [Unseen {
    fault: "FAULT: of the regions that Google's machines are offered in there are none",
    reason: "the reference that is compared offers some, as zendo does",
    test: ("stack_deployment.rs", "each_cloud_is_known"),
}];

#[test]
fn each_fault_that_is_not_seen_has_a_test_of_the_better_answer() {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    for Unseen { fault, reason, test: (file, name) } in UNSEEN {
        let text = std::fs::read_to_string(suite.join(file)).unwrap_or_default();
        let is_there = text.contains(&format!("async fn {name}("));
        // One that no list has, or no attribute stands above, is never run.
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let is_run = lines.contains(&format!("{name},").as_str())
            || lines.windows(2).any(|pair| pair[0].starts_with("#[tokio::test") && pair[1].contains(name));
        assert!(is_there && is_run, "{fault} ({reason}): no test {name} in {file}");
    }
}
