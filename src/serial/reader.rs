use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::budget::Budget;
use super::visitor::LimitedVisitor;

/// What is read from, and how deep that is. Also a seed and what gives items: whatever leads further down.
pub(crate) struct LimitedReader<'b, T> {
    pub(crate) inner: T,
    pub(crate) budget: &'b Budget,
    pub(crate) depth: u16,
}

impl<'b, T> LimitedReader<'b, T> {
    #[inline]
    pub(super) fn wrap<U>(&self, inner: U) -> LimitedReader<'b, U> {
        LimitedReader { inner, budget: self.budget, depth: self.depth }
    }

    /// The same, one deeper.
    #[inline]
    fn below<U, E: Error>(&self, inner: U) -> Result<LimitedVisitor<'b, U>, E> {
        let depth = self.budget.below(self.depth, E::custom)?;
        Ok(LimitedReader { inner, budget: self.budget, depth })
    }
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*);)+) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.wrap(visitor);
            self.inner.$method($($name,)* visitor)
        }
    )+ };
}

macro_rules! nest {
    ($($method:ident($($name:ident: $type:ty),*);)+) => { $(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.below(visitor)?;
            self.inner.$method($($name,)* visitor)
        }
    )+ };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for LimitedReader<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_identifier();
    }

    nest! {
        deserialize_any();
        deserialize_option();
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for LimitedReader<'_, T> {
    type Value = T::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
        let deserializer = self.wrap(deserializer);
        self.inner.deserialize(deserializer)
    }
}

/// The items of a list, or the entries of a map.
pub(super) struct Items<'b, A> {
    access: LimitedReader<'b, A>,
    /// Where the last one began.
    before: usize,
}

impl<'b, A> Items<'b, A> {
    pub(super) fn new(access: LimitedReader<'b, A>) -> Self {
        Self { access, before: 0 }
    }

    #[inline]
    fn begin(&mut self) {
        self.before = self.access.budget.bytes().get();
    }

    #[inline]
    fn end<E: Error>(&self) -> Result<(), E> {
        self.access.budget.item(self.before, E::custom)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.begin();
        let seed = self.access.wrap(seed);
        let item = self.access.inner.next_element_seed(seed)?;
        if item.is_some() {
            self.end()?;
        }
        Ok(item)
    }

    fn size_hint(&self) -> Option<usize> {
        self.access.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Items<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.begin();
        let seed = self.access.wrap(seed);
        self.access.inner.next_key_seed(seed)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        let seed = self.access.wrap(seed);
        let value = self.access.inner.next_value_seed(seed)?;
        self.end()?;
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.access.inner.size_hint()
    }
}

impl<'b, 'de, A: EnumAccess<'de>> EnumAccess<'de> for LimitedReader<'b, A> {
    type Error = A::Error;
    type Variant = LimitedReader<'b, A::Variant>;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), A::Error> {
        let (budget, depth) = (self.budget, self.depth);
        let seed = self.wrap(seed);
        let (value, inner) = self.inner.variant_seed(seed)?;
        Ok((value, LimitedReader { inner, budget, depth }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for LimitedReader<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.wrap(seed);
        self.inner.newtype_variant_seed(seed)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.wrap(visitor);
        self.inner.tuple_variant(len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.wrap(visitor);
        self.inner.struct_variant(fields, visitor)
    }
}
