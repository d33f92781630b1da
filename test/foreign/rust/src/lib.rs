/// The body that both sides of the contract in peers.ts know.
pub fn message(number: usize, sizes: &str) -> Vec<Vec<u8>> {
    let frame = |(frame, size): (usize, &str)| {
        let length = size.parse().unwrap();
        (0..length).map(|at: usize| (at * 31 + frame * 7 + number * 13) as u8).collect()
    };
    sizes.split(',').enumerate().map(frame).collect()
}

pub fn with_delimiter(mut body: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    body.insert(0, vec![]);
    body
}

/// `right`, or the first difference.
pub fn compared(came: &[Vec<u8>], wanted: &[Vec<u8>]) -> Result<(), String> {
    if came.len() != wanted.len() {
        return Err(format!("{} frames, not {}", came.len(), wanted.len()));
    }
    match (0..wanted.len()).find(|&frame| came[frame] != wanted[frame]) {
        Some(frame) => Err(format!("frame {frame}")),
        None => Ok(()),
    }
}

pub fn verdict(result: Result<(), String>) -> String {
    match result {
        Ok(()) => "right".into(),
        Err(why) => format!("wrong: {why}"),
    }
}
