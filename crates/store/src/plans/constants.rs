//! Conditions that a statement decides by itself: sea-query says `1 = 2` of no values, with both as arguments.

use sea_query::Value;

const CONSTANT: &str = "? = ?";

/// The statement with what its arguments alone decide as `TRUE` or `FALSE`: two statements of the same text may differ
/// in that.
pub(super) fn decided(sql: &str, values: &[Value]) -> String {
    let (mut decided, mut rest, mut place) = (String::with_capacity(sql.len()), sql, 0);
    while let Some((before, behind)) = rest.split_once(CONSTANT) {
        place += before.matches('?').count();
        decided.push_str(before);
        decided.push_str(match (values.get(place), values.get(place + 1)) {
            (Some(one), Some(other)) if one == other => "TRUE",
            (Some(_), Some(_)) => "FALSE",
            _ => CONSTANT,
        });
        place += 2;
        rest = behind;
    }
    decided.push_str(rest);
    decided
}

/// Whether no row is as a decided statement says: it asks for all of several things, of which one is false.
pub(super) fn finds_nothing(decided: &str) -> bool {
    let Some((_, conditions)) = at_top(decided, " WHERE ") else { return false };
    let end = [" ORDER BY ", " GROUP BY ", " LIMIT "].iter().filter_map(|end| at_top(conditions, end));
    let conditions = end.map(|(before, _)| before).min_by_key(|before| before.len()).unwrap_or(conditions);
    is_false(conditions)
}

fn is_false(condition: &str) -> bool {
    let condition = condition.trim();
    if let Some(inner) = condition.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
        && is_closed(inner)
    {
        return is_false(inner);
    }
    if let Some((one, other)) = at_top(condition, " OR ") {
        return is_false(one) && is_false(other);
    }
    match at_top(condition, " AND ") {
        Some((one, others)) => is_false(one) || is_false(others),
        None => condition == "FALSE",
    }
}

/// The statement before and behind the first such word that is in no brackets.
fn at_top<'a>(sql: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut places = sql.match_indices(word).map(|(place, _)| place);
    let place = places.find(|place| is_closed(&sql[..*place]))?;
    Some((&sql[..place], &sql[place + word.len()..]))
}

/// Whether each bracket has its other one.
fn is_closed(sql: &str) -> bool {
    let mut depth = 0_i32;
    for letter in sql.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_decide() {
        let values: [Value; 5] = [7.into(), 1.into(), 2.into(), 3.into(), 3.into()];
        let sql = "SELECT ? FROM t WHERE ? = ? OR (a AND ? = ?)";
        assert_eq!(decided(sql, &values), "SELECT ? FROM t WHERE FALSE OR (a AND TRUE)");
        assert_eq!(decided("SELECT a FROM t WHERE b = ?", &values), "SELECT a FROM t WHERE b = ?");
    }

    #[test]
    fn nothing_is_found_where_one_of_all_is_false() {
        for sql in [
            "SELECT a FROM t WHERE FALSE",
            "SELECT a FROM t WHERE a = ? AND (FALSE) ORDER BY a LIMIT ?",
            "SELECT a FROM t WHERE FALSE AND (b = ? OR c = ?) LIMIT ?",
            "SELECT (SELECT 1 FROM s WHERE x = ?) FROM t WHERE a = ? AND ((b = ? OR c = ?) AND FALSE)",
        ] {
            assert!(finds_nothing(sql), "{sql}");
        }
        for sql in [
            "SELECT a FROM t",
            "SELECT a FROM t WHERE TRUE",
            "SELECT a FROM t WHERE FALSE OR b = ?",
            "SELECT a FROM t WHERE EXISTS(SELECT 1 FROM s WHERE FALSE) OR b = ?",
            "SELECT a FROM t WHERE (FALSE OR b = ?) AND c = ?",
            "SELECT a FROM t WHERE NOT FALSE",
            "SELECT EXISTS(SELECT 1 FROM s WHERE FALSE) FROM t ORDER BY a",
            "SELECT a FROM t WHERE (a = ?) OR (FALSE)",
        ] {
            assert!(!finds_nothing(sql), "{sql}");
        }
    }
}
