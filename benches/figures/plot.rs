//! Draws `docs/convergence.svg`: the share of replicas that have a change, over time, by topology.

use std::fmt::Write;
use std::path::Path;

use crate::group::{DELAY, Group, Shape, without_heartbeats};
use crate::report::number;

const MEMBERS: usize = 50;
/// The curves are means: in one run replicas come one by one, and at random.
const RUNS: u64 = 40;

/// The whole, and the place of the curves in it.
const SIZE: (f64, f64) = (720.0, 400.0);
const LEFT: f64 = 62.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 86.0;
const BOTTOM: f64 = 342.0;
/// Milliseconds at the ends of the axis, which is logarithmic.
const FROM: f64 = 50.0;
const TO: f64 = 10_000.0;
const TICKS: [(f64, &str); 8] = [
    (50.0, "50 ms"),
    (100.0, "100 ms"),
    (200.0, "200 ms"),
    (500.0, "500 ms"),
    (1_000.0, "1 s"),
    (2_000.0, "2 s"),
    (5_000.0, "5 s"),
    (10_000.0, "10 s"),
];

/// Colours that can be told apart on light and on dark, and by those who see few colours; each with a pattern of its own.
const STYLE: &str = "\
.dotted-plot{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;max-width:100%;height:auto}
.dotted-plot .p{fill:#fff}
.dotted-plot .t{fill:#1f2328}
.dotted-plot .f{fill:#57606a}
.dotted-plot .g{stroke:#d8dee4;stroke-width:1}
.dotted-plot .l{fill:none;stroke-width:2.5;stroke-linejoin:round}
.dotted-plot .a{stroke:#2a78d6}
.dotted-plot .b{stroke:#b35c00}
.dotted-plot .c{stroke:#177a5b}
.dotted-plot .d{stroke:#a13d97}
@media (prefers-color-scheme:dark){
.dotted-plot .p{fill:#15191f}
.dotted-plot .t{fill:#e6edf3}
.dotted-plot .f{fill:#9da7b3}
.dotted-plot .g{stroke:#333b45}
.dotted-plot .a{stroke:#5aa2f2}
.dotted-plot .b{stroke:#e8963a}
.dotted-plot .c{stroke:#3fb78f}
.dotted-plot .d{stroke:#d884cd}
}";
const STROKES: [&str; 4] = ["", "8 4", "2 3", "10 3 2 3"];

pub fn draw() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/convergence.svg");
    std::fs::write(&path, svg(&Shape::ALL.map(times))).expect("the directory is there and can be written to");
    eprintln!("drawn: {}", path.display());
}

/// Of all runs, the milliseconds after which a replica had the change; the writer itself at 0.
fn times(shape: Shape) -> Vec<u64> {
    let run = |seed| {
        let mut group = Group::new(MEMBERS, shape, &without_heartbeats(), seed);
        let start = group.now;
        group.write(0, 100..101);
        group.watch();
        group.rest();
        group.since().iter().map(|since| since.map_or(u64::MAX, |since| since - start)).collect::<Vec<_>>()
    };
    let mut times: Vec<_> = (0..RUNS).flat_map(run).collect();
    times.sort_unstable();
    times
}

fn x(milliseconds: f64) -> f64 {
    LEFT + (milliseconds / FROM).ln() / (TO / FROM).ln() * (RIGHT - LEFT)
}

fn y(share: f64) -> f64 {
    BOTTOM - share * (BOTTOM - TOP)
}

/// A curve in steps, as fine as can be seen, up to where all have the change.
fn path(times: &[u64]) -> String {
    let share = |by: f64| times.partition_point(|&time| time as f64 <= by) as f64 / times.len() as f64;
    let mut height = y(share(FROM));
    let mut path = format!("M{LEFT:.0} {height:.1}");
    let mut at = LEFT;
    while at < RIGHT && height > TOP {
        at += 0.5;
        let by = FROM * (TO / FROM).powf((at - LEFT) / (RIGHT - LEFT));
        let next = y(share(by));
        // Small steps are taken together.
        if (height - next).abs() >= 1.0 || (next == TOP && height != TOP) {
            write!(path, "H{at}V{next:.1}").expect("to a string");
            height = next;
        }
    }
    path
}

fn svg(curves: &[Vec<u64>; 4]) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let (width, height) = SIZE;
    line(format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="dotted-plot" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-labelledby="dotted-plot-title">"#
    ));
    line(format!(
        r#"<title id="dotted-plot-title">Share of {MEMBERS} replicas that have a change, over the time since it was written, by topology</title>"#
    ));
    line(format!("<style>\n{STYLE}\n</style>"));
    line(format!(r#"<rect width="{width}" height="{height}" rx="6" class="p"/>"#));
    for percent in [0, 25, 50, 75, 100] {
        let at = y(f64::from(percent) / 100.0);
        line(format!(r#"<path class="g" d="M{LEFT} {at}H{RIGHT}"/>"#));
        line(format!(r#"<text class="f" x="{}" y="{}" text-anchor="end">{percent} %</text>"#, LEFT - 8.0, at + 4.0));
    }
    for (milliseconds, label) in TICKS {
        let at = x(milliseconds);
        line(format!(r#"<path class="g" d="M{at:.1} {BOTTOM}v5"/>"#));
        let anchor = if milliseconds == TO { "end" } else { "middle" };
        line(format!(r#"<text class="f" x="{at:.1}" y="{}" text-anchor="{anchor}">{label}</text>"#, BOTTOM + 20.0));
    }
    let axis = format!("time since the change was written (logarithmic; {DELAY} ms one way)");
    line(format!(
        r#"<text class="t" x="{}" y="{}" text-anchor="middle">{axis}</text>"#,
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 44.0
    ));
    line(format!(
        r#"<text class="t" x="{}" y="24">Share of {MEMBERS} replicas that have a change, mean of {RUNS} runs</text>"#,
        LEFT - 46.0
    ));
    let mut at = LEFT - 46.0;
    for (place, (curve, shape)) in curves.iter().zip(Shape::ALL).enumerate() {
        let (colour, dashes) = (["a", "b", "c", "d"][place], STROKES[place]);
        let style = format!(r#"class="l {colour}" stroke-dasharray="{dashes}""#);
        let style = style.replace(r#" stroke-dasharray="""#, "");
        line(format!(r#"<path {style} d="M{at} 44h32"/>"#));
        line(format!(r#"<text class="t" x="{}" y="48">{}</text>"#, at + 38.0, shape.name()));
        at += 62.0 + 7.0 * shape.name().len() as f64;
        line(format!(r#"<path {style} d="{}"/>"#, path(curve)));
        if let Some(last) = curve.last().map(|&last| last as f64).filter(|&last| last <= TO) {
            let (end, label) =
                (x(last), if last < 1e3 { format!("{last} ms") } else { format!("{} s", number(last / 1e3)) });
            line(format!(r#"<circle cx="{end:.1}" cy="{TOP}" r="2.75" class="l {colour}"/>"#));
            line(format!(r#"<text class="t" x="{end:.1}" y="{}" text-anchor="middle">{label}</text>"#, TOP - 10.0));
        }
    }
    line("</svg>".into());
    out
}
