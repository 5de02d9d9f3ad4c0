//! Attention among tokens on the tape.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Error, Layout, Result as Candle, Shape, Tensor};

use super::tape;
use super::tokens::{Tokens, Upstream};

/// The context of [`Tokens`] on the tape.
struct Context(Tokens);

/// The mass of [`Tokens`] on the tape.
struct Mass(Tokens);

impl Tokens {
    /// q `[entities·queries, width]`, k and v `[entities·keys, width]`, f32, give
    /// `[entities·queries, width]`.
    pub fn attend(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Candle<Tensor> {
        let [q, k, v] = [q, k, v].map(tape::on_cpu);
        let (q, k, v) = (q?, k?, v?);
        q.apply_op3(&k, &v, Context(self.clone()))?.to_device(q.device())
    }

    /// q and k as in [`Tokens::attend`] give the mass of each key, `[entities, keys]`.
    pub fn masses(&self, q: &Tensor, k: &Tensor) -> Candle<Tensor> {
        tape::on_cpu(q)?.apply_op2(&tape::on_cpu(k)?, Mass(self.clone()))?.to_device(q.device())
    }
}

impl CustomOp3 for Context {
    fn name(&self) -> &'static str {
        "token-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        lq: &Layout,
        k: &CpuStorage,
        lk: &Layout,
        v: &CpuStorage,
        lv: &Layout,
    ) -> Candle<(CpuStorage, Shape)> {
        let q = tape::slice::<f32>(self.name(), q, lq)?;
        let (k, v) = (tape::slice(self.name(), k, lk)?, tape::slice(self.name(), v, lv)?);
        let out = self.0.context(q, k, v).map_err(Error::wrap)?;
        Ok((CpuStorage::F32(out), lq.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Candle<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dq, dk, dv] = tape::lend([q, k, v, grad], |[q, k, v, grad]: [&[f32]; 4]| {
            self.0.backward(q, k, Upstream::Context(v, grad)).map_err(Error::wrap)
        })?;
        Ok((
            Some(tape::tensor(dq, q.dims(), q)?),
            Some(tape::tensor(dk, k.dims(), k)?),
            Some(tape::tensor(dv, v.dims(), v)?),
        ))
    }
}

impl CustomOp2 for Mass {
    fn name(&self) -> &'static str {
        "token-mass"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        lq: &Layout,
        k: &CpuStorage,
        lk: &Layout,
    ) -> Candle<(CpuStorage, Shape)> {
        let (q, k) = (tape::slice::<f32>(self.name(), q, lq)?, tape::slice::<f32>(self.name(), k, lk)?);
        let out = self.0.mass(q, k).map_err(Error::wrap)?;
        Ok((CpuStorage::F32(out), Shape::from((self.0.entities(), self.0.keys))))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Candle<(Option<Tensor>, Option<Tensor>)> {
        let [dq, dk, _] = tape::lend([q, k, grad], |[q, k, grad]: [&[f32]; 3]| {
            self.0.backward(q, k, Upstream::Mass(grad)).map_err(Error::wrap)
        })?;
        Ok((Some(tape::tensor(dq, q.dims(), q)?), Some(tape::tensor(dk, k.dims(), k)?)))
    }
}
