use core::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::budget::Budget;

/// Where something is written to, and how deep that is.
pub(crate) struct LimitedWriter<'b, S> {
    pub(crate) inner: S,
    pub(crate) budget: &'b Budget,
    pub(crate) depth: u16,
}

/// What is written through limits.
pub(crate) struct LimitedValue<'a, 'b, T: ?Sized> {
    pub(crate) value: &'a T,
    pub(crate) budget: &'b Budget,
    pub(crate) depth: u16,
}

impl<T: Serialize + ?Sized> Serialize for LimitedValue<'_, '_, T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(LimitedWriter { inner: serializer, budget: self.budget, depth: self.depth })
    }
}

/// A list, map, tuple or struct that is being written.
pub(crate) struct Open<'b, C> {
    inner: C,
    budget: &'b Budget,
    depth: u16,
    /// Where its last item began.
    before: usize,
}

impl<'b, S: Serializer> LimitedWriter<'b, S> {
    #[inline]
    fn below(&self) -> Result<u16, S::Error> {
        self.budget.below(self.depth, S::Error::custom)
    }

    /// What is written one deeper.
    #[inline]
    fn content<'a, T: ?Sized>(&self, value: &'a T) -> Result<LimitedValue<'a, 'b, T>, S::Error> {
        Ok(LimitedValue { value, budget: self.budget, depth: self.below()? })
    }

    #[inline]
    fn open<C>(self, open: impl FnOnce(S) -> Result<C, S::Error>) -> Result<Open<'b, C>, S::Error> {
        let depth = self.below()?;
        Ok(Open { inner: open(self.inner)?, budget: self.budget, depth, before: 0 })
    }
}

impl<'b, C> Open<'b, C> {
    #[inline]
    fn value<'a, T: ?Sized>(&self, value: &'a T) -> LimitedValue<'a, 'b, T> {
        LimitedValue { value, budget: self.budget, depth: self.depth }
    }

    #[inline]
    fn begin(&mut self) {
        self.before = self.budget.bytes().get();
    }

    #[inline]
    fn item<E: Error>(&self) -> Result<(), E> {
        self.budget.item(self.before, E::custom)
    }
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*);)+) => { $(
        #[inline]
        fn $method(self, $($name: $type),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($name),*)
        }
    )+ };
}

macro_rules! open {
    ($($method:ident($($name:ident: $type:ty),*) -> $open:ident;)+) => { $(
        #[inline]
        fn $method(self, $($name: $type),*) -> Result<Self::$open, S::Error> {
            self.open(|inner| inner.$method($($name),*))
        }
    )+ };
}

impl<'b, S: Serializer> Serializer for LimitedWriter<'b, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Open<'b, S::SerializeSeq>;
    type SerializeTuple = Open<'b, S::SerializeTuple>;
    type SerializeTupleStruct = Open<'b, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Open<'b, S::SerializeTupleVariant>;
    type SerializeMap = Open<'b, S::SerializeMap>;
    type SerializeStruct = Open<'b, S::SerializeStruct>;
    type SerializeStructVariant = Open<'b, S::SerializeStructVariant>;

    forward! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_f32(value: f32);
        serialize_f64(value: f64);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, number: u32, variant: &'static str);
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let content = self.content(value)?;
        self.inner.serialize_some(&content)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        let content = self.content(value)?;
        self.inner.serialize_newtype_struct(name, &content)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        number: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let content = self.content(value)?;
        self.inner.serialize_newtype_variant(name, number, variant, &content)
    }

    open! {
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, number: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, number: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant;
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! items {
    ($($trait:ident::$method:ident;)+) => { $(
        impl<C: $trait> $trait for Open<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                self.begin();
                let value = self.value(value);
                self.inner.$method(&value)?;
                self.item()
            }

            #[inline]
            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )+ };
}

items! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! fields {
    ($($trait:ident;)+) => { $(
        impl<C: $trait> $trait for Open<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), C::Error> {
                self.begin();
                let value = self.value(value);
                self.inner.serialize_field(name, &value)?;
                self.item()
            }

            #[inline]
            fn skip_field(&mut self, name: &'static str) -> Result<(), C::Error> {
                self.inner.skip_field(name)
            }

            #[inline]
            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )+ };
}

fields! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<C: SerializeMap> SerializeMap for Open<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.begin();
        let key = self.value(key);
        self.inner.serialize_key(&key)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let value = self.value(value);
        self.inner.serialize_value(&value)?;
        self.item()
    }

    #[inline]
    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}
