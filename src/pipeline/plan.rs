//! Which rows go through the encoder together.

/// Group rows by length into batches of at most `budget` pieces, padding counted; a row longer than the
/// budget is a batch by itself. Longest first, so that the peak of memory comes early.
pub fn batches(lengths: &[usize], budget: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by(|&a, &b| lengths[b].cmp(&lengths[a]).then(a.cmp(&b)));
    let mut out: Vec<Vec<usize>> = Vec::new();
    let mut longest = 0;
    for row in order {
        match out.last_mut() {
            Some(batch) if (batch.len() + 1) * longest <= budget => batch.push(row),
            _ => {
                longest = lengths[row];
                out.push(vec![row]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_row_once_within_the_budget(lengths in proptest::collection::vec(1usize..300, 0..60), budget in 1usize..2000) {
            let found = batches(&lengths, budget);
            let mut rows: Vec<usize> = found.concat();
            rows.sort_unstable();
            prop_assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
            for batch in found {
                let longest = batch.iter().map(|&r| lengths[r]).max().unwrap_or(0);
                prop_assert!(batch.len() == 1 || batch.len() * longest <= budget);
            }
        }
    }
}
