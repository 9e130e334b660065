//! What changed, as it leaves.

use alloc::vec::Vec;

use dotted::{ChangeKind, Origin};

use crate::holder::Holder;
use crate::read::kind;
use crate::wire::Out;

/// All batches that wait.
pub fn take(holder: &mut Holder) -> Vec<u8> {
    let mut out = Out::default();
    while let Some(batch) = holder.poll_changes() {
        out.number(match batch.origin {
            Origin::Local => 0,
            Origin::Remote => 1,
            _ => 2,
        });
        out.number(batch.changes.len() as u64);
        for change in &batch.changes {
            out.number(kind(change.named.kind));
            out.text(&change.named.name);
            out.option(change.key.as_ref(), Out::value);
            out.number(match change.kind {
                ChangeKind::Added => 0,
                ChangeKind::Updated => 1,
                ChangeKind::Removed => 2,
            });
            out.number(change.by.len() as u64);
            change.by.iter().for_each(|replica| out.replica(replica));
        }
    }
    out.finish()
}
