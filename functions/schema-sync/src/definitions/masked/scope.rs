//! What belongs together within a pair of parentheses or brackets, or within a `case`.

/// Names and literals of one expression.
#[derive(Clone, Debug, Default)]
pub(super) struct Operand<'t> {
    pub names: Vec<&'t str>,
    /// The places of the literals.
    pub values: Vec<usize>,
}

impl<'t> Operand<'t> {
    pub fn of_name(name: &'t str) -> Self {
        Self {
            names: vec![name],
            values: Vec::new(),
        }
    }

    pub fn of_value(at: usize) -> Self {
        Self {
            names: Vec::new(),
            values: vec![at],
        }
    }

    fn extend(&mut self, other: &Self) {
        self.names.extend_from_slice(&other.names);
        self.values.extend_from_slice(&other.values);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Group,
    /// The arguments are values of the same thing.
    Alternatives,
    /// The first argument decides which one of the others is the value.
    Condition,
    Case,
    /// The condition of a `case`.
    When,
}

impl Kind {
    pub fn is_of_case(self) -> bool {
        matches!(self, Self::Case | Self::When)
    }
}

#[derive(Debug)]
pub(super) struct Scope<'t> {
    pub kind: Kind,
    /// What is compared with each other.
    pub chain: Vec<Operand<'t>>,
    /// What is in the value of the scope.
    pub result: Operand<'t>,
    /// The names and literals of the columns of a list of columns, or of rows.
    pub columns: Vec<Operand<'t>>,
    pub column: usize,
    /// The names of the columns, as the query gives them before.
    pub given: Vec<&'t str>,
    pub alias: Option<&'t str>,
    /// What a `case` compares.
    pub tested: Option<Operand<'t>>,
    pub is_select: bool,
    /// Whether what is read now is in the value of the scope.
    pub is_result: bool,
    /// Whether it is a list of rows.
    pub is_rows: bool,
    /// Whether the next `and` is that of a `between`.
    pub is_between: bool,
}

impl<'t> Scope<'t> {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            chain: vec![Operand::default()],
            result: Operand::default(),
            columns: Vec::new(),
            column: 0,
            given: Vec::new(),
            alias: None,
            tested: None,
            is_select: false,
            is_result: true,
            is_rows: false,
            is_between: false,
        }
    }

    pub fn add(&mut self, operand: &Operand<'t>) {
        if let Some(last) = self.chain.last_mut() {
            last.extend(operand);
        }
        if self.is_result {
            self.result.extend(operand);
            if !self.is_rows {
                let values = operand.values.iter().copied();
                self.column(self.column).values.extend(values);
            }
        }
    }

    /// Adds the columns of a row.
    pub fn add_row(&mut self, row: &Self) {
        if self.is_rows && self.is_result {
            for (number, column) in row.columns.iter().enumerate() {
                self.column(number).extend(column);
            }
        }
    }

    fn column(&mut self, number: usize) -> &mut Operand<'t> {
        if self.columns.len() <= number {
            self.columns.resize(number + 1, Operand::default());
        }
        &mut self.columns[number]
    }

    /// The chain that ends here. Its alias, or the only name in it, is that of the column.
    pub fn end_of_chain(&mut self) -> Vec<Operand<'t>> {
        let chain = std::mem::replace(&mut self.chain, vec![Operand::default()]);
        let only = match &chain[..] {
            [operand] if operand.values.is_empty() && operand.names.len() == 1 => {
                operand.names.first().copied()
            }
            _ => None,
        };
        let name = self.alias.take().or(only);
        if let Some(name) = name.filter(|_| self.is_result && !self.is_rows) {
            self.column(self.column).names.push(name);
        }
        self.is_between = false;
        chain
    }

    /// What is before the first `when` is what a `case` compares; the rest are its values.
    pub fn test(&mut self) {
        if self.kind == Kind::Case && self.tested.is_none() {
            self.tested = Some(std::mem::take(&mut self.result));
            self.chain = vec![Operand::default()];
            self.columns.clear();
        }
    }
}
