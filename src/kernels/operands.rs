//! What products read and write: views of memory that know their bounds.

/// Rows of numbers: `count` rows, `stride` apart.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T = f32> {
    /// The numbers.
    pub data: &'a [T],
    /// From one row to the next.
    pub stride: usize,
    /// How many rows.
    pub count: usize,
}

impl<T> Rows<'_, T> {
    /// `count` rows from `first` on.
    fn part(self, first: usize, count: usize) -> Self {
        Self { data: &self.data[first * self.stride..], count, ..self }
    }
}

/// Activations of a product.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// In f32.
    F32(Rows<'a>),
    /// In bf16, which f32 kernels do not read.
    Halves(Rows<'a, u16>),
}

impl<'a> Input<'a> {
    /// How many rows.
    pub(super) fn count(self) -> usize {
        match self {
            Self::F32(rows) => rows.count,
            Self::Halves(rows) => rows.count,
        }
    }

    /// Whether rows of `width` numbers are there.
    pub(super) fn holds(self, width: usize) -> bool {
        match self {
            Self::F32(rows) => fits(rows.count, width, rows.stride, rows.data.len()),
            Self::Halves(rows) => fits(rows.count, width, rows.stride, rows.data.len()),
        }
    }

    /// `count` rows from `first` on.
    pub(super) fn part(self, first: usize, count: usize) -> Self {
        match self {
            Self::F32(rows) => Self::F32(rows.part(first, count)),
            Self::Halves(rows) => Self::Halves(rows.part(first, count)),
        }
    }
}

impl<'a> From<Rows<'a>> for Input<'a> {
    fn from(rows: Rows<'a>) -> Self {
        Self::F32(rows)
    }
}

/// Where a product goes: rows `stride` apart; its columns in blocks, each `apart` from the one before.
#[derive(Debug)]
pub struct Out<'a, T = f32> {
    /// The numbers.
    pub data: &'a mut [T],
    /// From one row to the next.
    pub stride: usize,
    /// Columns that stand together; whole panels unless all columns do.
    pub block: usize,
    /// From one block to the next.
    pub apart: usize,
}

impl<'a, T> Out<'a, T> {
    /// Whole rows, `stride` apart.
    pub fn rows(data: &'a mut [T], stride: usize) -> Self {
        Self { data, stride, block: usize::MAX, apart: 0 }
    }

    /// The same from row `first` on.
    fn below(&mut self, first: usize) -> Out<'_, T> {
        Out { data: &mut self.data[first * self.stride..], ..*self }
    }

    /// The numbers from the first of a column on.
    pub(super) fn column(&mut self, column: usize) -> &mut [T] {
        &mut self.data[column / self.block * self.apart + column % self.block..]
    }

    fn check(&self, rows: usize, columns: usize, panel: usize) {
        assert!(self.block >= columns || self.block.is_multiple_of(panel), "blocks of columns split a panel");
        let before = (columns - 1) / self.block * self.apart;
        let fit = fits(rows, columns.min(self.block), self.stride, self.data.len().saturating_sub(before));
        assert!(fit, "output out of bounds");
    }
}

/// What a product is written as.
#[derive(Debug)]
pub enum Target<'a> {
    /// In f32.
    F32(Out<'a>),
    /// In bf16; [`After::Gelu`] then has an absolute error below 2e-4 before rounding.
    Halves(Out<'a, u16>),
}

impl<'a> From<Out<'a>> for Target<'a> {
    fn from(out: Out<'a>) -> Self {
        Self::F32(out)
    }
}

impl Target<'_> {
    pub(super) fn below(&mut self, first: usize) -> Target<'_> {
        match self {
            Self::F32(out) => Target::F32(out.below(first)),
            Self::Halves(out) => Target::Halves(out.below(first)),
        }
    }

    /// Whether there is room for `rows` rows of `columns` numbers.
    pub(super) fn holds(&self, rows: usize, columns: usize) -> bool {
        match self {
            Self::F32(out) => fits(rows, columns, out.stride, out.data.len()),
            Self::Halves(out) => fits(rows, columns, out.stride, out.data.len()),
        }
    }

    /// Assert that there is room for `rows` rows of so many `columns`, one at least, and that no block splits a `panel`.
    pub(super) fn check(&self, rows: usize, columns: usize, panel: usize) {
        match self {
            Self::F32(out) => out.check(rows, columns, panel),
            Self::Halves(out) => out.check(rows, columns, panel),
        }
    }
}

/// Whether `length` numbers hold `rows` rows of `columns`, `stride` apart.
pub(super) fn fits(rows: usize, columns: usize, stride: usize, length: usize) -> bool {
    let end = rows.saturating_sub(1).checked_mul(stride).and_then(|start| start.checked_add(columns));
    rows == 0 || columns <= stride && end.is_some_and(|end| end <= length)
}
