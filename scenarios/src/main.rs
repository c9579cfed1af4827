//! The `splitbrain` binary; see the module `cli` of the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Logs of simulated processes are many; whoever wants them says so by RUST_LOG.
    if std::env::var_os("RUST_LOG").is_some() {
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_writer(std::io::stderr)
            .init();
    }
    scenarios::cli::main()
}
