//! `docs/configuration.md`, from the table of settings.

use std::fmt::Write;

use super::settings::DEFINITIONS;

const HEAD: &str = "\
<!-- Made by `tidelog config-reference`; a test compares. `TIDELOG_BLESS=1 cargo test -p server` rewrites it. -->

# Configuration

Every setting of `tidelog serve` is a flag (`--slot-size 8MiB`), a line in the file that `--config FILE` or `TIDELOG_CONFIG` names (`slot-size = \"8MiB\"`, in TOML), and a variable in the environment (`TIDELOG_SLOT_SIZE=8MiB`). Flags go before the environment, and that before the file. A name that is not known is refused.

Sizes have a unit (`64KiB`, `8MiB`, `1GB`; a plain number is bytes), and so have durations (`250ms`, `10s`, `1h`). Credentials are no settings: they come from where the cloud's own tools take them (`AWS_ACCESS_KEY_ID` and its like, profiles, instance roles).
";

/// The page.
pub(crate) fn reference() -> String {
    let mut page = HEAD.to_owned();
    let mut section = "";
    for definition in DEFINITIONS {
        if section != definition.section {
            section = definition.section;
            // Writing to a string does not fail.
            let _ = write!(
                page,
                "\n## {section}\n\n| setting | value | default | meaning |\n|---|---|---|---|\n"
            );
        }
        let [value, default, help] =
            [definition.value, definition.default, definition.help].map(|text| text.replace('|', "\\|"));
        let _ = writeln!(page, "| `{}` | {value} | {default} | {help}. |", definition.key);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        if std::env::var_os("TIDELOG_BLESS").is_some() {
            std::fs::write(path, reference()).expect("docs/configuration.md is writable");
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == reference(),
            "docs/configuration.md is old: run TIDELOG_BLESS=1 cargo test -p server"
        );
    }
}
