use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Debug};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Effect;
use crate::sorted::SortedRuns;

/// An amount that goes from one account to another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Transfer {
    /// The account that pays.
    pub from: String,
    /// The account that receives.
    pub to: String,
    /// How much, in the smallest unit.
    pub amount: u64,
}

/// What transfers add up to.
#[derive(Clone, Default)]
pub struct Balances {
    accounts: Vec<(String, i128)>,
    /// Their places, in the order of their names.
    order: SortedRuns<u32>,
}

impl Balances {
    /// What an account has received, less what it has paid. O(log of the accounts).
    #[must_use]
    pub fn of(&self, account: &str) -> i128 {
        self.place(account).map_or(0, |at| self.accounts[at].1)
    }

    /// The accounts, in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, i128)> {
        let order: Vec<u32> = self.order.iter().copied().collect();
        order.into_iter().map(|at| {
            let (account, balance) = &self.accounts[at as usize];
            (account.as_str(), *balance)
        })
    }

    fn place(&self, account: &str) -> Option<usize> {
        let found = self.order.from(&|&at| self.accounts[at as usize].0.as_str().cmp(account)).next();
        found.map(|&at| at as usize).filter(|&at| self.accounts[at].0 == account)
    }

    // 128 bits hold the sum of 2⁶⁴ amounts. Sums that someone forged wrap: stopping at the limit would depend on the order.
    fn add(&mut self, account: &str, amount: i128) {
        if let Some(at) = self.place(account) {
            self.accounts[at].1 = self.accounts[at].1.wrapping_add(amount);
            return;
        }
        let Self { accounts, order } = self;
        accounts.push((account.into(), amount));
        order.insert(accounts.len() as u32 - 1, &|&at| accounts[at as usize].0.as_str().cmp(account));
    }
}

impl PartialEq for Balances {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Balances {}

impl Debug for Balances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Balances {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Balances {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Accounts;

        impl<'de> de::Visitor<'de> for Accounts {
            type Value = Balances;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("balances of accounts, in the order of the names")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Balances, A::Error> {
                let mut balances = Balances::default();
                while let Some((account, balance)) = map.next_entry::<String, i128>()? {
                    if balances.accounts.last().is_some_and(|(last, _)| *last >= account) {
                        return Err(de::Error::custom("accounts are not in their order"));
                    }
                    balances.add(&account, balance);
                }
                Ok(balances)
            }
        }

        deserializer.deserialize_map(Accounts)
    }
}

impl Effect for Transfer {
    type Total = Balances;

    fn add_to(&self, total: &mut Balances) {
        total.add(&self.from, -i128::from(self.amount));
        total.add(&self.to, i128::from(self.amount));
    }

    fn add_up(total: &mut Balances, other: &Balances) {
        for (account, amount) in other.iter() {
            total.add(account, amount);
        }
    }
}
