//! What is part of the program besides its code: files that are seldom asked for, packed, and what ZenML's schema says.

mod flavors;

use std::error::Error;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const TEXTS: [&str; 2] = ["contract/openapi.json", "contract/run_configuration.json"];
const FLAVORS: &str = "contract/flavors.json";
const DESCRIPTIONS: &str = "src/seed/field_descriptions.json";
const SCHEMA: &str = "contract/schema.json";
/// The console's style sheet, scripts and icon.
const CONSOLE: &str = "src/console/assets";
/// Of Swagger UI what its page loads.
const SWAGGER_UI: [&str; 6] = [
    "index.html",
    "index.css",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "favicon-32x32.png",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build");
    write_tables_of_projects()?;
    for path in TEXTS {
        println!("cargo:rerun-if-changed={path}");
        pack(Path::new(path), &fs::read(path)?)?;
    }
    println!("cargo:rerun-if-changed={FLAVORS}");
    println!("cargo:rerun-if-changed={DESCRIPTIONS}");
    pack(Path::new(FLAVORS), &flavors::described(&fs::read(FLAVORS)?, &fs::read(DESCRIPTIONS)?)?)?;
    println!("cargo:rerun-if-changed={CONSOLE}");
    for file in fs::read_dir(CONSOLE)? {
        let path = file?.path();
        pack(&path, &fs::read(&path)?)?;
    }
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for name in SWAGGER_UI {
        let end = format!("/dist/{name}");
        let paths = archive.file_names().collect::<Result<Vec<_>, _>>()?;
        let path = paths.into_iter().find(|path| path.ends_with(&end)).ok_or(name)?.into_owned();
        let mut bytes = Vec::new();
        archive.by_name(&path)?.read_to_end(&mut bytes)?;
        pack(Path::new(name), &bytes)?;
    }
    Ok(())
}

/// A list of the tables whose rows belong to a project, but for metadata of runs, whose ids nobody is told.
fn write_tables_of_projects() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={SCHEMA}");
    let schema: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&fs::read(SCHEMA)?)?;
    let of_projects = |(_, table): &(&String, &serde_json::Value)| !table["columns"]["project_id"].is_null();
    let tables = schema.iter().filter(of_projects).map(|(name, _)| name);
    let tables: Vec<&String> = tables.filter(|name| *name != "run_metadata").collect();
    let file = PathBuf::from(env::var("OUT_DIR")?).join("tables_of_projects.rs");
    Ok(fs::write(file, format!("&{tables:?}"))?)
}

/// Writes the file's name with `.gz` into the folder of what is built.
fn pack(file: &Path, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let name = file.file_name().ok_or("a file has a name")?.to_str().ok_or("a name is text")?;
    let packed = PathBuf::from(env::var("OUT_DIR")?).join(format!("{name}.gz"));
    let mut encoder = GzEncoder::new(fs::File::create(packed)?, Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()?;
    Ok(())
}
