//! Named parameters: seeded beginnings, and in and out as plain data.

use candle_core::{DType, Device, Tensor, Var};

use super::tape;
use crate::error::{Code, Error, Result};
use crate::rng::Rng;

/// How a parameter begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All numbers the same.
    Constant(f32),
    /// Uniform between `-bound` and `bound`.
    Uniform(f32),
    /// Normal with mean 0.
    Normal {
        /// Standard deviation.
        deviation: f32,
    },
}

impl Init {
    /// Uniform within ±1/√`inputs`: the customary beginning of an affine map and of its bias.
    pub fn affine(inputs: usize) -> Init {
        Init::Uniform((1.0 / (inputs.max(1) as f64).sqrt()) as f32)
    }
}

/// A parameter as plain data.
#[derive(Clone, Debug, PartialEq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Parameter {
    /// Its name, unique within a model: "visual.linear.weight".
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, in row order.
    pub values: Vec<f32>,
}

impl Parameter {
    /// A fresh parameter; its numbers depend on `seed` and its name only.
    pub fn new(name: impl Into<String>, shape: &[usize], init: Init, seed: u64) -> Parameter {
        let name = name.into();
        let mut rng = Rng::stream(seed, &format!("parameter {name}"));
        let mut draw = || match init {
            Init::Constant(x) => x,
            Init::Uniform(bound) => (2.0 * rng.f32() - 1.0) * bound,
            Init::Normal { deviation } => (rng.normal() * f64::from(deviation)) as f32,
        };
        let values = (0..shape.iter().product()).map(|_| draw()).collect();
        Parameter { name, shape: shape.to_vec(), values }
    }
}

/// Overwrites `into` with the parameters of the same names in `from`.
///
/// Fails with [`Code::BadValue`] if a name is missing or its shape differs, before anything is changed.
pub fn import(into: &mut [Parameter], from: &[Parameter]) -> Result<()> {
    let mut found = Vec::with_capacity(into.len());
    for parameter in into.iter() {
        let other = from.iter().find(|other| other.name == parameter.name);
        match other {
            Some(other) if other.shape == parameter.shape && other.values.len() == parameter.values.len() => {
                found.push(other);
            }
            _ => {
                let shape = other.map_or("missing".to_owned(), |other| format!("of shape {:?}", other.shape));
                let wanted = format!("where shape {:?} was expected", parameter.shape);
                let message = format!("parameter `{}` is {shape} {wanted}", parameter.name);
                return Err(Error::new(Code::BadValue, message)
                    .help("it was trained with other options or other features; train again"));
            }
        }
    }
    into.iter_mut().zip(found).for_each(|(into, from)| into.values.clone_from(&from.values));
    Ok(())
}

/// Parameters on a tape, in the order in which they were added.
#[derive(Clone, Debug)]
pub struct Params {
    list: Vec<(String, Var)>,
    device: Device,
}

impl Params {
    /// Puts parameters on a device. Fails with [`Code::Internal`] on a shape that does not fit.
    pub fn new(parameters: Vec<Parameter>, device: &Device) -> Result<Self> {
        let mut params = Params { list: Vec::new(), device: device.clone() };
        for Parameter { name, shape, values } in parameters {
            let var = Var::from_vec(values, shape, device).map_err(|e| params.lost(&name, e))?;
            params.list.push((name, var));
        }
        Ok(params)
    }

    /// A parameter by name; fails with [`Code::Internal`] if there is none.
    pub fn get(&self, name: &str) -> Result<&Var> {
        let found = self.list.iter().find(|(known, _)| known == name);
        let missing = || Error::new(Code::Internal, format!("the model has no parameter `{name}`"));
        found.map(|(_, var)| var).ok_or_else(missing)
    }

    /// All parameters, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.list.iter().map(|(name, var)| (name.as_str(), var))
    }

    /// All parameters as plain data.
    pub fn export(&self) -> Result<Vec<Parameter>> {
        let one = |(name, var): &(String, Var)| {
            let values = tape::numbers::<f32>(var.as_tensor()).map_err(|e| self.lost(name, e))?;
            Ok(Parameter { name: name.clone(), shape: var.dims().to_vec(), values })
        };
        self.list.iter().map(one).collect()
    }

    /// Overwrites all parameters with those of the same names; see [`import`].
    pub fn import(&self, from: &[Parameter]) -> Result<()> {
        let mut all = self.export()?;
        import(&mut all, from)?;
        for ((name, var), parameter) in self.list.iter().zip(all) {
            let tensor = Tensor::from_vec(parameter.values, parameter.shape, &self.device);
            let set =
                tensor.and_then(|tensor| tensor.to_dtype(DType::F32)).and_then(|tensor| var.set(&tensor));
            set.map_err(|e| self.lost(name, e))?;
        }
        Ok(())
    }

    /// The error for a parameter that its device refused.
    pub(crate) fn lost(&self, name: &str, cause: candle_core::Error) -> Error {
        Error::new(Code::Internal, format!("parameter `{name}`: {cause}")).because(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Vec<Parameter> {
        vec![
            Parameter::new("a.weight", &[2, 3], Init::affine(3), 42),
            Parameter::new("a.bias", &[2], Init::Constant(1.0), 42),
        ]
    }

    #[test]
    fn a_parameter_depends_on_seed_and_name_only() {
        let first = pair();
        let alone = Parameter::new("a.weight", &[2, 3], Init::affine(3), 42);
        assert_eq!(first[0], alone);
        assert_ne!(alone.values, Parameter::new("b.weight", &[2, 3], Init::affine(3), 42).values);
        assert!(alone.values.iter().all(|x| x.abs() <= 0.578));
    }

    #[test]
    fn export_and_import_are_inverse() {
        let params = Params::new(pair(), &Device::Cpu).unwrap();
        let mut other = pair();
        other[0].values = vec![7.0; 6];
        params.import(&other).unwrap();
        assert_eq!(params.export().unwrap(), other);
        other[1].shape = vec![1, 2];
        assert_eq!(params.import(&other).unwrap_err().code(), Code::BadValue);
        assert!(params.get("c").is_err());
    }
}
