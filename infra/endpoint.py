"""The SageMaker endpoint with its first version, made once and then left to the rollout machine."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_applicationautoscaling as autoscaling
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra import grants
from infra.images import framework_image, repository_and_tag
from infra.shared import ModelContext
from watchkeeper import naming, rollout
from watchkeeper.config.schema import CreateEndpoint
from watchkeeper.rollout import ServingSettings
from watchkeeper.spec import Attached, Strategy

NO_IMAGE = "none"
RESPONSE_TYPES = ("text/csv", "application/json")
SCALE_COOLDOWN_SECONDS = 300


def serving_settings(create: CreateEndpoint) -> ServingSettings:
    """The serving settings of the YAML file, as the rollout machine reads them."""
    return ServingSettings(
        instance_type=create.instance_type,
        instance_count=create.instance_count,
        capture_percent=create.capture_percent,
        autoscaled=create.autoscaling is not None,
        environment=dict(create.environment),
    )


class ServingRole(Construct):
    """The role under which containers serve and batch transforms run.

    An attached endpoint outlives the stack, and may by then serve under this role: so the role does, too.
    """

    def __init__(self, scope: Construct, context: ModelContext) -> None:
        super().__init__(scope, "Serving")
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description=f"Watchkeeper: serves {context.name}",
        )
        asked = [f"training/{context.name}/"]
        if context.spec.attribution.enabled:
            asked.append(naming.questions_prefix(context.name))
        grants.read(context, self.role, *asked)
        grants.write(context, self.role, naming.capture_prefix(context.name), *asked)
        grants.pull_images(self.role)
        grants.log_containers(self.role)
        # Deployment guardrails read their alarms with the execution role.
        grants.allow(self.role, ["cloudwatch:DescribeAlarms"], ["*"], grants.NO_RESOURCES)
        if context.spec.attached is not None:
            self._serve_attached(context, context.spec.attached)

    def _serve_attached(self, context: ModelContext, attached: Attached) -> None:
        named = [uri.removeprefix("s3://") for uri in attached.artefacts]
        objects = [grants.arn("s3", f"{n}*" if n.endswith("/") else n, region="", account="") for n in named]
        if objects:
            grants.allow(self.role, ["s3:GetObject"], objects, "Objects are granted by the model file's prefixes.")
            grants.use_owners_keys(context, self.role)
        for part in (self.role, self.role.node.find_child("DefaultPolicy")):
            resource = part.node.default_child
            assert isinstance(resource, cdk.CfnResource)
            resource.apply_removal_policy(cdk.RemovalPolicy.RETAIN)


class Endpoint(Construct):
    """SageMaker model, endpoint config, endpoint, and the model package of version 1.

    `cdk deploy` must never change which version is served. If CloudFormation ever updated the endpoint, it would put
    the first config back. So nothing in these resources may depend on what a user edits: every value that does is a
    CloudFormation parameter whose default is the YAML file's value. `cdk deploy` keeps the previous values of
    parameters, so after their creation these resources never change. Should someone deploy without previous values,
    the resources' fixed names make CloudFormation refuse to replace them. A parameter cannot hold the container's
    environment, whose keys are the user's: a changed environment gives a SageMaker model of another name, which the
    endpoint config, whose model name is a parameter, does not use. The stack's tags are kept off these resources for
    the same reason.

    What the YAML file says now goes to an SSM parameter; its change starts the rollout machine, which applies it to the
    version that serves.
    """

    def __init__(self, scope: Construct, context: ModelContext, create: CreateEndpoint, role: iam.IRole) -> None:
        super().__init__(scope, "Endpoint")
        self._context = context
        self._settings = serving_settings(create)
        self._artefact = context.data_uri(naming.run_prefix(context.name, "initial") + "model.tar.gz")
        self._image = self._frozen_image(create)
        environment = self._settings.container_environment
        model = sagemaker.CfnModel(
            self,
            "Model",
            model_name=rollout.served_model_name(context.name, naming.FIRST_VERSION, environment),
            execution_role_arn=role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=self._image, model_data_url=self._artefact, environment=environment
            ),
        )
        # A replaced model may still be the one that is served.
        model.apply_removal_policy(cdk.RemovalPolicy.DESTROY, apply_to_update_replace_policy=False)
        model.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
        self.config = self._endpoint_config(model)
        self.endpoint = self._endpoint()
        self.serving_parameter = ssm.StringParameter(
            self,
            "ServingSettings",
            parameter_name=naming.serving_parameter(context.name),
            description=f"How {context.name} is served; a change starts its rollout machine",
            string_value=self._settings.to_json(),
        )
        if create.autoscaling:
            self._scale(create)

    def register_first_version(self, group: sagemaker.CfnModelPackageGroup) -> sagemaker.CfnModelPackage:
        """Register version 1 in the model registry, approved."""
        package = sagemaker.CfnModelPackage(
            self,
            "FirstPackage",
            model_package_group_name=group.model_package_group_name,
            model_package_description="Version 1, deployed by the model's stack",
            model_approval_status="Approved",
            inference_specification=sagemaker.CfnModelPackage.InferenceSpecificationProperty(
                containers=[
                    sagemaker.CfnModelPackage.ModelPackageContainerDefinitionProperty(
                        image=self._image,
                        model_data_url=self._artefact,
                        environment=dict(rollout.BASE_ENVIRONMENT),
                    )
                ],
                supported_content_types=[*rollout.CSV_CONTENT_TYPES, *rollout.JSON_CONTENT_TYPES],
                supported_response_mime_types=list(RESPONSE_TYPES),
            ),
        )
        package.node.add_dependency(group)
        # The rollback machine rejects it by its approval status, and it stays on record.
        package.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        return package

    def _frozen(self, name: str, value: str | int, description: str) -> cdk.CfnParameter:
        """A parameter with the value that holds at creation, see the class."""
        return cdk.CfnParameter(
            cdk.Stack.of(self),
            name,
            type="Number" if isinstance(value, int) else "String",
            default=value,
            description=f"Of the first deployment; never changed afterwards. {description}",
        )

    def _frozen_image(self, create: CreateEndpoint) -> str:
        """The image of version 1: a framework's (`repository:tag`) or, if there is one, the user's own."""
        framework_tag = repository_and_tag(create.framework, create.version)
        tag = self._frozen("FirstFrameworkImage", framework_tag, "SageMaker framework image")
        own = self._frozen("FirstOwnImage", create.image or NO_IMAGE, "Image instead of the framework's")
        uses_framework = cdk.CfnCondition(
            self, "UsesFrameworkImage", expression=cdk.Fn.condition_equals(own.value_as_string, NO_IMAGE)
        )
        image = framework_image(self, tag.value_as_string, create.framework, create.version)
        return cdk.Token.as_string(cdk.Fn.condition_if(uses_framework.logical_id, image, own.value_as_string))

    def _endpoint_config(self, model: sagemaker.CfnModel) -> sagemaker.CfnEndpointConfig:
        context, settings = self._context, self._settings
        assert model.model_name is not None
        served = self._frozen("FirstModelName", model.model_name, "SageMaker model")
        self.first_model_name = served.value_as_string
        instance_type = self._frozen("FirstInstanceType", settings.instance_type, "Instance type")
        instance_count = self._frozen("FirstInstanceCount", settings.instance_count, "Number of instances")
        percent = self._frozen("FirstCapturePercent", settings.capture_percent, "Share of requests captured")
        volume = "yes" if rollout.takes_volume_key(settings.instance_type) else "no"
        takes_key = self._frozen("FirstVolumeTakesKey", volume, "no: the instance encrypts its storage in hardware")
        with_key = cdk.CfnCondition(
            self, "VolumeTakesKey", expression=cdk.Fn.condition_equals(takes_key.value_as_string, "yes")
        )
        key = context.platform.key.key_arn
        captures = context.data_uri(naming.capture_prefix(context.name, naming.FIRST_VERSION).rstrip("/"))
        capture = rollout.data_capture(captures, key, settings.capture_percent)
        config = sagemaker.CfnEndpointConfig(
            self,
            "Config",
            endpoint_config_name=naming.first_version_resource(context.name),
            kms_key_id=cdk.Token.as_string(cdk.Fn.condition_if(with_key.logical_id, key, cdk.Aws.NO_VALUE)),
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=naming.VARIANT,
                    model_name=self.first_model_name,
                    initial_instance_count=instance_count.value_as_number,
                    instance_type=instance_type.value_as_string,
                    initial_variant_weight=1,
                )
            ],
            data_capture_config=sagemaker.CfnEndpointConfig.DataCaptureConfigProperty(
                enable_capture=True,
                initial_sampling_percentage=percent.value_as_number,
                destination_s3_uri=capture["DestinationS3Uri"],
                kms_key_id=key,
                capture_options=[
                    sagemaker.CfnEndpointConfig.CaptureOptionProperty(capture_mode=option["CaptureMode"])
                    for option in capture["CaptureOptions"]
                ],
                capture_content_type_header=sagemaker.CfnEndpointConfig.CaptureContentTypeHeaderProperty(
                    csv_content_types=capture["CaptureContentTypeHeader"]["CsvContentTypes"],
                    json_content_types=capture["CaptureContentTypeHeader"]["JsonContentTypes"],
                ),
            ),
        )
        config.add_resource_dependency(model)
        return config

    def _endpoint(self) -> sagemaker.CfnEndpoint:
        """The endpoint. Its deployment config is a constant: the rollout machine brings its own with each update."""
        alarm = naming.alarm(self._context.name, naming.AlarmKind.SERVER_ERRORS)
        return sagemaker.CfnEndpoint(
            self,
            "Resource",
            endpoint_name=self._context.spec.endpoint,
            endpoint_config_name=self.config.attr_endpoint_config_name,
            deployment_config=sagemaker.CfnEndpoint.DeploymentConfigProperty(
                blue_green_update_policy=sagemaker.CfnEndpoint.BlueGreenUpdatePolicyProperty(
                    traffic_routing_configuration=sagemaker.CfnEndpoint.TrafficRoutingConfigProperty(
                        type=Strategy.ALL_AT_ONCE.value.upper(), wait_interval_in_seconds=300
                    ),
                    termination_wait_in_seconds=300,
                    maximum_execution_timeout_in_seconds=3600,
                ),
                auto_rollback_configuration=sagemaker.CfnEndpoint.AutoRollbackConfigProperty(
                    alarms=[sagemaker.CfnEndpoint.AlarmProperty(alarm_name=alarm)]
                ),
            ),
        )

    def _scale(self, create: CreateEndpoint) -> None:
        assert create.autoscaling is not None
        target = autoscaling.CfnScalableTarget(
            self,
            "ScalableTarget",
            min_capacity=create.autoscaling.minimum,
            max_capacity=create.autoscaling.maximum,
            resource_id=f"endpoint/{self._context.spec.endpoint}/variant/{naming.VARIANT}",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            service_namespace="sagemaker",
        )
        target.add_resource_dependency(self.endpoint)
        autoscaling.CfnScalingPolicy(
            self,
            "ScalingPolicy",
            policy_name=f"{self._context.name}--invocations",
            policy_type="TargetTrackingScaling",
            scaling_target_id=target.ref,
            target_tracking_scaling_policy_configuration=autoscaling.CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=create.autoscaling.invocations_per_instance,
                scale_in_cooldown=SCALE_COOLDOWN_SECONDS,
                scale_out_cooldown=SCALE_COOLDOWN_SECONDS,
                predefined_metric_specification=autoscaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type="SageMakerVariantInvocationsPerInstance"
                ),
            ),
        )
