//! More partitions for topics.

use protocol::messages::CreatePartitionsRequest;
use protocol::messages::create_partitions::CreatePartitionsTopic;

use super::{Client, Error};

impl Client {
    /// Gives a topic partitions, until it has `count`; with `only_check` it only asks whether it could.
    pub(crate) async fn create_partitions(
        &self,
        topic: &str,
        count: i32,
        only_check: bool,
    ) -> Result<(), Error> {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic { name: topic.into(), count, assignments: None }],
            timeout_ms: self.timeout_ms(),
            validate_only: only_check,
        };
        let created = self.administer(&request, |response| {
            response.results.iter().try_for_each(|result| {
                Error::check_topic(topic, result.error_code, result.error_message.as_deref())
            })
        });
        created.await?;
        self.forget(topic).await;
        Ok(())
    }
}
