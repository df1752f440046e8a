//! The operations of ZenML 0.98.0, all of which are there.

/// Every operation of the contract: method, path and operation id; made from contract/openapi.json.
const OPERATIONS: &str = include_str!("operations.txt");

/// One operation of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub id: &'static str,
}

/// All operations of the contract.
pub fn operations() -> impl Iterator<Item = Operation> {
    OPERATIONS.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some(Operation { method: words.next()?, path: words.next()?, id: words.next()? })
    })
}
