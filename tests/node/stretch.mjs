// A stretch of a conversation with Gemini Live, such as a turn.

/** What came from one place to another. */
export class Stretch {
  constructor(talk, from, to) {
    this.messages = talk.messages.slice(from, to);
    this.pcm = Buffer.concat(talk.audio.filter(({ message }) => message >= from && message < to).map(({ pcm }) => pcm));
  }

  /** Returns what `pick` finds in the messages. */
  all(pick) {
    return this.messages.map(pick).filter((each) => each !== undefined && each !== false);
  }

  /** What the model has said, by its transcription. */
  get said() {
    return this.all((each) => each.serverContent?.outputTranscription?.text).join('');
  }

  /** What it has heard. */
  get heard() {
    return this.all((each) => each.serverContent?.inputTranscription?.text).join('');
  }

  get interrupted() {
    return this.all((each) => each.serverContent?.interrupted).length > 0;
  }

  get generated() {
    return this.all((each) => each.serverContent?.generationComplete).length > 0;
  }

  get usage() {
    return this.messages.at(-1).usageMetadata;
  }
}
