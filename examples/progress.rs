//! Watching a long statement, and stopping it from another thread.
//!
//! `cargo run --example progress`

use std::sync::Arc;
use std::time::Duration;

use seedbed::{CancelToken, Code, Event, Observer, Params, Result, Store, Task};

struct Phases;

impl Observer for Phases {
    fn event(&self, event: &Event) {
        if let Event::Phase { name, total } = event {
            println!("… {name} ({})", total.map_or("?".to_string(), |total| total.to_string()));
        }
    }
}

fn main() -> Result<()> {
    let store = Store::in_memory();
    let mut session = store.session();
    let observed = Task::new(CancelToken::new(), Some(Arc::new(Phases)));
    session.execute("GENERATE PAIR demo entities=1000", &Params::new(), &observed)?;

    let cancel = CancelToken::new();
    let task = Task::new(cancel.clone(), None);
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        cancel.cancel();
    });
    match session.execute("GENERATE PAIR large entities=500000", &Params::new(), &task) {
        Err(error) if error.code() == Code::Cancelled => println!("{error}"),
        Err(error) => return Err(error),
        Ok(outcome) => println!("finished before it was stopped: {}", outcome.message),
    }
    let _ = stopper.join();
    // The store is as it was.
    for row in session.execute("SHOW PAIRS", &Params::new(), &Task::quiet())?.rows.into_iter().flatten() {
        println!("{}", row?.get::<String>("pair")?);
    }
    Ok(())
}
